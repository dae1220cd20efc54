{{/* What EngineConfig in services/engines/ray/config.py refuses, too; a test compares both. */}}
{{- define "ray-service.validateServe" -}}
{{- with .Values.serve }}
{{- if and .autoscaling (not (kindIs "invalid" .num_replicas)) }}
{{- fail "serve.num_replicas and serve.autoscaling exclude each other: set one of them" }}
{{- end }}
{{- if and (gt (float64 .num_gpus) 1.0) (ne (float64 .num_gpus) (floor .num_gpus)) }}
{{- fail (printf "serve.num_gpus %v is neither whole nor a share of one GPU: set a whole number, or one below 1" .num_gpus) }}
{{- end }}
{{- if .autoscaling }}
{{- $least := dig "min_replicas" 1 .autoscaling }}
{{- if gt (int $least) (int .autoscaling.max_replicas) }}
{{- fail (printf "serve.autoscaling.min_replicas %v is more than max_replicas %v: raise max_replicas or lower min_replicas" $least .autoscaling.max_replicas) }}
{{- end }}
{{- if gt (float64 (dig "target_ongoing_requests" 8 .autoscaling)) (float64 .max_ongoing_requests) }}
{{- fail "serve.autoscaling.target_ongoing_requests is more than serve.max_ongoing_requests, so Ray would never scale out: raise max_ongoing_requests" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Replicas that fit on no worker would wait for ever, and the service would never be ready. */}}
{{- define "ray-service.validateWorkers" -}}
{{- $autoscaled := include "ray-service.autoscaled" . }}
{{- $name := ternary "gpu" "cpu" .Values.gpu.enabled }}
{{- $group := index .Values.workers $name }}
{{- $serve := .Values.serve }}
{{- if and $autoscaled (gt (int $group.minReplicas) (int $group.maxReplicas)) }}
{{- fail (printf "workers.%s.minReplicas %v is above maxReplicas %v: raise maxReplicas or lower minReplicas" $name $group.minReplicas $group.maxReplicas) }}
{{- end }}
{{- $held := 1000000.0 }}
{{- if $serve.num_cpus }}
{{- $held = divf $group.numCpus $serve.num_cpus }}
{{- end }}
{{- if .Values.gpu.enabled }}
{{- $held = minf $held (divf .Values.gpu.count $serve.num_gpus) }}
{{- end }}
{{- $workers := ternary $group.maxReplicas $group.replicas (eq "true" $autoscaled) }}
{{- $room := addf $held 0.000001 | floor | mulf $workers }}
{{- $wanted := default 1 (ternary ($serve.autoscaling).max_replicas $serve.num_replicas (eq "true" $autoscaled)) }}
{{- if gt (float64 $wanted) $room }}
{{- fail (printf "serve asks for %v replicas, and %v workers of the group %s have room for %v: raise workers.%s.%s or numCpus, or lower serve.num_cpus or num_gpus" $wanted $workers $name $room $name (ternary "maxReplicas" "replicas" (eq "true" $autoscaled))) }}
{{- end }}
{{- end }}
