"""KServe's client against a server: python check.py URL FACTS. Ends with exit code 0 when everything agrees."""

import asyncio
import json
import sys
from pathlib import Path

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

TOLERANCE = 1e-5


async def main(url, facts):
    name = facts["name"]
    async with InferenceRESTClient(RESTConfig(protocol="v2", retries=1)) as client:
        assert await client.is_server_live(url) is True
        assert await client.is_server_ready(url) is True
        assert await client.is_model_ready(url, name) is True
        assert await client.is_model_ready(url, "nobody") is False
        for binary in (True, False):
            for parameters in ({"binary_data_output": True}, None):
                answer = await client.infer(url, request(facts, binary, parameters), model_name=name)
                agree(answer, facts)
        answer = await client.infer(url, request(facts, False, None, request_id="seven"), model_name=name)
        assert answer.id == "seven"
        await refuse(client, url, facts)


def request(facts, binary, parameters, request_id=None):
    rows = np.array(facts["rows"])
    tensor = InferInput(name="features", shape=list(rows.shape), datatype="FP64")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return InferRequest(facts["name"], [tensor], request_id=request_id, parameters=parameters)


def agree(answer, facts):
    assert answer.model_name == facts["name"]
    prediction, probability = (answer.get_output_by_name(name) for name in ("prediction", "probability"))
    assert prediction.as_numpy().tolist() == facts["predictions"]
    assert np.abs(probability.as_numpy() - np.array(facts["probabilities"])).max() <= TOLERANCE


async def refuse(client, url, facts):
    """An error arrives as httpx's exception, with the server's sentence."""
    try:
        await client.infer(url, request(facts, True, None), model_name="nobody")
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == 404
        assert "nobody" in str(error).partition("'404")[0]
    else:
        raise AssertionError("a model that is not there answered")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_bytes())))
