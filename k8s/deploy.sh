#!/usr/bin/env bash
# deploy.sh TAG: Trivet onto the cluster that kubectl names, from images that its nodes have. Again, it changes what differs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tag=$1

in_mlflow() { kubectl --namespace mlflow "$@"; }
apply() { sed "s|image: trivet-mlflow:dev|image: trivet-mlflow:$tag|" "k8s/prerequisites/$1.yaml" | kubectl apply --filename -; }

# image_id NAME: what the tag means on this machine; pods are told, so that an image built again is rolled out.
image_id() { docker image inspect --format '{{.Id}}' "trivet-$1:$tag" 2>/dev/null || echo "$tag"; }

# install RELEASE CHART VALUE MORE…: VALUE is where the chart takes the image's tag, MORE further arguments of Helm.
install() {
  helm upgrade --install "$1" "helm/$2" --namespace trivet --values "helm/values/kind-$1.yaml" --set "$3=$tag" \
    "${@:4}" --wait --timeout 6m >/dev/null
  echo "$1 is there after $SECONDS s"
}

install_engine() { install "$1" "$2" image.tag --set-string "podAnnotations.trivet-image=$(image_id "$1")"; }

apply namespaces
# Made once, and nowhere but in the cluster.
in_mlflow get secret postgres >/dev/null 2>&1 || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' |
  in_mlflow create secret generic postgres --from-file=password=/dev/stdin
apply mlflow
in_mlflow patch deployment mlflow --patch \
  "spec: {template: {metadata: {annotations: {trivet-image: '$(image_id mlflow)'}}}}"
in_mlflow rollout status statefulset/postgres --timeout=3m
in_mlflow rollout status deployment/mlflow --timeout=5m
# A Job cannot be changed; run again, it does nothing where the model is there.
in_mlflow delete job publish-iris --ignore-not-found
apply publish-iris
in_mlflow wait --for=condition=Complete job/publish-iris --timeout=5m || { in_mlflow logs job/publish-iris; exit 1; }

install observability observability test.image.tag
install gateway gateway test.image.tag
# Side by side, since each mostly waits.
install_engine ray ray-service & ray=$!
install_engine fastapi model-server & fastapi=$!
install_engine bentoml model-server & bentoml=$!
for engine in "$ray" "$fastapi" "$bentoml"; do
  wait "$engine" || { kubectl --namespace trivet get pods; exit 1; }
done
# A Ray cluster that replaces another is not what Helm waits for.
for condition in Ready UpgradeInProgress=False; do
  kubectl --namespace trivet wait rayservice/ray --for=condition=$condition --timeout=6m
done
