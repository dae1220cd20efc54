{{- define "ray-service.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* KubeRay appends up to 16 characters, and the result has to be a name in DNS. */}}
{{- define "ray-service.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 47 | trimSuffix "-" }}
{{- end }}

{{- define "ray-service.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ray-service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Of pods too. The chart's version is not in it, so that a new one alone makes no new Ray cluster. */}}
{{- define "ray-service.describingLabels" -}}
app.kubernetes.io/component: ray
app.kubernetes.io/part-of: trivet
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "ray-service.podLabels" -}}
{{ include "ray-service.selectorLabels" . }}
{{ include "ray-service.describingLabels" . }}
{{- end }}

{{- define "ray-service.labels" -}}
{{ include "ray-service.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* The pods that serve, of every Ray cluster of the release; the head only steers. KubeRay adds the second label. */}}
{{- define "ray-service.workerLabels" -}}
{{ include "ray-service.selectorLabels" . }}
ray.io/node-type: worker
{{- end }}

{{- define "ray-service.headLabels" -}}
{{ include "ray-service.selectorLabels" . }}
ray.io/node-type: head
{{- end }}

{{/* The pod of `helm test`: not one that the Service, the budget or the policies may select. */}}
{{- define "ray-service.testSelectorLabels" -}}
app.kubernetes.io/name: {{ include "ray-service.name" . | trunc 58 | trimSuffix "-" }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ray-service.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "ray-service.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "ray-service.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}

{{/* "true" where Ray Serve decides how many replicas there are, and so Ray's autoscaler how many workers. */}}
{{- define "ray-service.autoscaled" -}}
{{- if .Values.serve.autoscaling }}true{{ end }}
{{- end }}

{{/* What the profile `restricted` asks of a container, and a root file system that nothing can write to. */}}
{{- define "ray-service.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "ray-service.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* How long a Ray node that ends may drain: 5 s until its replicas begin to stop, and what they may take. */}}
{{- define "ray-service.drainSeconds" -}}
{{- ceil (addf .Values.serve.drain_seconds 5) | int }}
{{- end }}

{{/* Seconds from the end's announcement to SIGKILL. Of the head too, without which workers could not drain. */}}
{{- define "ray-service.gracePeriodSeconds" -}}
{{- add .Values.drain.preStopSeconds (include "ray-service.drainSeconds" .) 5 }}
{{- end }}
