{{- define "observability.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Names begin with this; the longest ending fits into 63. */}}
{{- define "observability.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "observability.describingLabels" -}}
app.kubernetes.io/part-of: trivet
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "observability.labels" -}}
app.kubernetes.io/name: {{ include "observability.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{ include "observability.describingLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* Where a monitor looks for what it selects. */}}
{{- define "observability.namespaces" -}}
matchNames:
  {{- toYaml (default (list .Release.Namespace) .Values.monitors.namespaces) | nindent 2 }}
{{- end }}
