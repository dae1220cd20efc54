{{/* A setting as the environment holds it: a list with commas, a large number without an exponent. */}}
{{- define "ray-service.text" -}}
{{- if kindIs "slice" . }}{{ join "," . }}{{ else if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end }}
{{- end }}

{{/*
The variables of head and workers. A replica has those of the node that it runs on, and one that asks for no CPU may run
on the head. A changed one makes a new Ray cluster; what can change in place is in serve.user_config.
*/}}
{{- define "ray-service.env" -}}
- name: TRIVET_MODEL
  value: {{ .Values.model.uri | quote }}
- name: TRIVET_HOME
  value: /tmp/trivet
{{- range $name, $value := .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
- name: TRIVET_{{ upper $name }}
  value: {{ include "ray-service.text" $value | quote }}
{{- end }}
{{- end }}
{{- range $name, $secret := .Values.secrets }}
{{- if $secret.name }}
- name: TRIVET_{{ snakecase $name | upper }}_FILE
  value: /etc/trivet/{{ $name }}/{{ $secret.key }}
{{- end }}
{{- end }}
{{- with .Values.registry.trackingUri }}
- name: MLFLOW_TRACKING_URI
  value: {{ . | quote }}
{{- end }}
{{- with .Values.registry.tokenSecret }}
{{- if .name }}
- name: MLFLOW_TRACKING_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .key }}
{{- end }}
{{- end }}
{{- range $name, $value := include "ray-service.rayVariables" . | fromYaml }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of Ray and its proxy, as services/engines/ray/environment.py sets them; what no value changes is in the image. */}}
{{- define "ray-service.rayVariables" -}}
{{- $settings := .Values.settings }}
{{- $headSeconds := dig "header_timeout_seconds" 10 $settings }}
# The replicas' lines go to the container's output, as they are. In Ray's files they would grow until /tmp is full.
RAY_LOG_TO_STDERR: "1"
RAY_BACKEND_LOG_LEVEL: warning
RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S: "60"
# With three tries, Ray's own number, a registry that comes up half a minute late would leave the Serve application
# failed until somebody changes it.
RAY_SERVE_MAX_PER_REPLICA_RETRY_COUNT: "20"
# How long a replica that ends still accepts, until no proxy of its cluster asks it any more; they hear it in a second.
RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S: "3"
# The same of a proxy without replicas beside it, which is not ready then, and of the Service's clients.
RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S: "10"
RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S: {{ include "ray-service.drainSeconds" . | quote }}
HAPROXY_HEAD_TIMEOUT_MS: {{ round (mulf $headSeconds 1000) 0 | int64 | quote }}
RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S: {{ maxf $headSeconds (dig "body_timeout_seconds" 30 $settings) (dig "keep_alive_seconds" 75 $settings) | ceil | int64 | add1 | quote }}
RAY_SERVE_HAPROXY_TUNE_BUFSIZE: {{ add (dig "max_header_bytes" 65536 $settings) 16384 | quote }}
{{- if (.Values.serve.autoscaling).prometheus }}
RAY_PROMETHEUS_HOST: {{ .Values.autoscaler.prometheusUrl | quote }}
{{- end }}
{{- end }}
