#!/usr/bin/env bash
# Installs the charts of charts.tsv into the cluster that kubectl names, and the Gateway; again, it brings them up to date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

grep -v '^#' charts.tsv | while IFS=$'\t' read -r release namespace chart version repository; do
  echo "$release: $chart $version"
  helm upgrade --install "$release" "$chart" --repo "$repository" --version "$version" --namespace "$namespace" \
    --create-namespace --values "values/$release.yaml" --wait --timeout 10m >/dev/null </dev/null
done
kubectl apply --filename gateway.yaml
