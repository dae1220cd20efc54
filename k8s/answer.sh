#!/usr/bin/env bash
# Says where the kind cluster answers, and what it was left without; fails where nothing answers within a minute.
set -euo pipefail
gateway=http://127.0.0.1:8080

ask() { curl --silent --fail --max-time 5 "$gateway/predict" --header 'Content-Type: application/json' --data '{"features": [5.1, 3.5, 1.4, 0.2]}'; }

for ((second = 0; second < 60; second++)); do
  answer=$(ask) && break
  sleep 1
done
[[ -n $answer ]] || { echo "nothing answers at $gateway/predict: kubectl --namespace trivet get pods,httproutes" >&2; exit 1; }
echo "trivet      $gateway    /predict answers $answer"
echo "prometheus  http://127.0.0.1:9090"
if [[ -n $(kubectl get deployments --all-namespaces --selector app.kubernetes.io/name=grafana --output name) ]]; then
  echo "grafana     http://127.0.0.1:3000"
else
  echo "grafana     left out: the cluster has none, since its image cannot be pulled here"
fi
