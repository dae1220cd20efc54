{{- define "gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "gateway.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "gateway.describingLabels" -}}
app.kubernetes.io/part-of: trivet
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "gateway.labels" -}}
app.kubernetes.io/name: {{ include "gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{ include "gateway.describingLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* An engine's Service, as a route names it. Takes the root, the engine and, where it shares with others, its weight. */}}
{{- define "gateway.backendRef" -}}
- name: {{ .engine.service }}
  {{- if and .engine.namespace (ne .engine.namespace .root.Release.Namespace) }}
  namespace: {{ .engine.namespace }}
  {{- end }}
  port: {{ .engine.port }}
  {{- if hasKey . "weight" }}
  weight: {{ .weight }}
  {{- end }}
{{- end }}

{{/* Values that contradict each other, which a schema cannot say. Each message ends in what to set. */}}
{{- define "gateway.validate" -}}
{{- $weighted := list }}
{{- range $name, $engine := .Values.engines }}
{{- if and $engine.enabled (gt (int $engine.weight) 0) }}
{{- $weighted = append $weighted $name }}
{{- end }}
{{- end }}
{{- if not (or $weighted (eq .Values.api "none")) }}
{{- fail "no engine takes requests that name none: set the weight of an enabled engine above 0, or api=none" }}
{{- end }}
{{- if eq .Values.api "ingress" }}
{{- if gt (len $weighted) 1 }}
{{- fail (printf "an Ingress has no weights, so it can lead to one engine only, and %s have weights above 0: set the weights of all but one to 0, or api=gateway" (join ", " $weighted)) }}
{{- end }}
{{- with (index .Values.engines (first $weighted)).namespace }}
{{- if ne . $.Release.Namespace }}
{{- fail (printf "an Ingress leads to Services of its own namespace only, and this one is in %s: install the release there, or set api=gateway" .) }}
{{- end }}
{{- end }}
{{- if and .Values.ingress.tlsSecret (not .Values.hostnames) }}
{{- fail "ingress.tlsSecret needs the names that its certificate is for: set hostnames" }}
{{- end }}
{{- end }}
{{- if eq .Values.test.image.tag "latest" }}
{{- fail "test.image.tag latest says not which image runs: set a version" }}
{{- end }}
{{- end }}
