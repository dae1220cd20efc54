#!/usr/bin/env bash
# cluster.sh [PROGRAM [NODE-IMAGE]]: the kind cluster `trivet` with the charts of others on it, or what it lacks of these.
# PROGRAM makes all that where no registry can be reached, of a kind config; without such a file kind and helm do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=${1:-} image=${2:-}

if [[ -x $program ]]; then
  "$program" "$PWD/kind-config.yaml"
  exec kind load docker-image postgres:15 --name trivet --nodes trivet-worker,trivet-worker2 # which they cannot pull
fi
if ! kind get clusters 2>/dev/null | grep --quiet --line-regexp trivet; then
  kind create cluster --config kind-config.yaml ${image:+--image "$image"} --wait 180s
fi
kind export kubeconfig --name trivet
k8s/prerequisites/install.sh
