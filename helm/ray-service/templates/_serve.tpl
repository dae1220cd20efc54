{{/* What services/engines/ray/config.py makes of the same values; a test compares both. */}}
{{- define "ray-service.serveConfig" -}}
{{- $serve := .Values.serve }}
{{- $replicas := dict
  "name" "Predictor"
  "ray_actor_options" (dict "num_cpus" $serve.num_cpus "num_gpus" $serve.num_gpus)
  "max_ongoing_requests" $serve.max_ongoing_requests
  "max_queued_requests" $serve.max_queued_requests
  "health_check_period_s" $serve.health_check_period_seconds
  "health_check_timeout_s" $serve.health_check_timeout_seconds
  "graceful_shutdown_timeout_s" $serve.drain_seconds
  "user_config" $serve.user_config }}
{{- if include "ray-service.autoscaled" . }}
{{- $_ := set $replicas "autoscaling_config" (include "ray-service.autoscalingConfig" $serve.autoscaling | fromYaml) }}
{{- else }}
{{- $_ := set $replicas "num_replicas" (default 1 $serve.num_replicas) }}
{{- end }}
{{- dict
  "proxy_location" "EveryNode"
  "http_options" (dict "host" $serve.host "port" $serve.port)
  "applications" (list (dict
    "name" "trivet"
    "route_prefix" "/"
    "import_path" "services.engines.ray.app:app"
    "deployments" (list $replicas))) | toYaml }}
{{- end }}

{{- define "ray-service.autoscalingConfig" -}}
{{- $target := dig "target_ongoing_requests" 8 . }}
{{- $config := dict
  "min_replicas" (dig "min_replicas" 1 .)
  "max_replicas" .max_replicas
  "target_ongoing_requests" $target
  "upscale_delay_s" (dig "upscale_delay_seconds" 15 .)
  "downscale_delay_s" (dig "downscale_delay_seconds" 300 .) }}
{{- if .prometheus }}
{{- $_ := set $config "policy" (dict
  "policy_function" "services.engines.ray.policy:InFlightPolicy"
  "policy_kwargs" (dict "target_in_flight" $target)) }}
{{- end }}
{{- toYaml $config }}
{{- end }}
