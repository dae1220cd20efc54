{{- define "model-server.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "model-server.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The immutable part. The engine is not in it, so that a release can change from one to the other. */}}
{{- define "model-server.selectorLabels" -}}
app.kubernetes.io/name: {{ include "model-server.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Of pods too. The chart's version is not in it, so that a new one alone replaces no pod. */}}
{{- define "model-server.describingLabels" -}}
app.kubernetes.io/component: {{ .Values.engine }}
app.kubernetes.io/part-of: trivet
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "model-server.podLabels" -}}
{{ include "model-server.selectorLabels" . }}
{{ include "model-server.describingLabels" . }}
{{- end }}

{{- define "model-server.labels" -}}
{{ include "model-server.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* The pod of `helm test`: not one that the Service, the budget or the spread may select. */}}
{{- define "model-server.testSelectorLabels" -}}
app.kubernetes.io/name: {{ include "model-server.name" . | trunc 58 | trimSuffix "-" }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "model-server.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "model-server.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "model-server.image" -}}
{{- $repository := default (printf "trivet-%s" .Values.engine) .Values.image.repository }}
{{- $suffix := ternary .Values.gpu.imageTagSuffix "" .Values.gpu.enabled }}
{{- printf "%s:%s%s" $repository (default .Chart.AppVersion .Values.image.tag) $suffix }}
{{- end }}

{{/* What the profile `restricted` asks of a container, and a root file system that nothing can write to. */}}
{{- define "model-server.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "model-server.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Seconds from the end's announcement to SIGKILL; the last 5 are for the prediction log and the exit. */}}
{{- define "model-server.gracePeriodSeconds" -}}
{{- with .Values.drain }}
{{- ceil (addf .preStopSeconds .waitSeconds .timeoutSeconds 5) | int }}
{{- end }}
{{- end }}
