{{/* A setting as the environment holds it: a list with commas, a large number without an exponent. */}}
{{- define "model-server.text" -}}
{{- if kindIs "slice" . }}{{ join "," . }}{{ else if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end }}
{{- end }}

{{/*
The variables of the server. They stand in the pod template, not in a ConfigMap: a changed one replaces the pods, and
`kubectl rollout undo` brings the old ones back with the old pods.
*/}}
{{- define "model-server.env" -}}
- name: TRIVET_MODEL
  value: {{ .Values.model.uri | quote }}
- name: TRIVET_HOME
  value: /tmp/trivet
- name: TRIVET_TERMINATION_LOG
  value: /dev/termination-log
- name: TRIVET_DRAIN_WAIT_SECONDS
  value: {{ toJson .Values.drain.waitSeconds | quote }}
- name: TRIVET_DRAIN_TIMEOUT_SECONDS
  value: {{ toJson .Values.drain.timeoutSeconds | quote }}
{{- range $name, $value := .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
- name: TRIVET_{{ upper $name }}
  value: {{ include "model-server.text" $value | quote }}
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
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
