{{/* Where a pod may run. Of a GPU, selector, toleration and limit come from one block, never one without the others. */}}
{{- define "model-server.scheduling" -}}
{{- $gpu := .Values.gpu }}
{{- with merge (dict) .Values.nodeSelector (ternary $gpu.nodeSelector dict $gpu.enabled) }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat .Values.tolerations (ternary $gpu.tolerations list $gpu.enabled) }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpread }}
{{- if .enabled }}
topologySpreadConstraints:
  - maxSkew: {{ .maxSkew }}
    topologyKey: {{ .topologyKey }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    # Each revision is spread by itself: during a rollout the old pods are about to go.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "model-server.selectorLabels" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- if and $gpu.enabled $gpu.dra.enabled }}
resourceClaims:
  - name: gpu
    resourceClaimTemplateName: {{ include "model-server.fullname" . }}-gpu
{{- end }}
{{- end }}

{{- define "model-server.resources" -}}
{{- $resources := deepCopy .Values.resources }}
{{- with .Values.gpu }}
{{- if and .enabled .dra.enabled }}
{{- $resources = merge $resources (dict "claims" (list (dict "name" "gpu"))) }}
{{- else if .enabled }}
{{- $resources = merge $resources (dict "limits" (dict .resourceName (int .count))) }}
{{- end }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{- define "model-server.probes" -}}
{{- $ready := dict "httpGet" (dict "path" "/v2/health/ready" "port" "http") }}
{{- $live := dict "httpGet" (dict "path" "/v2/health/live" "port" "http") }}
startupProbe:
  {{- toYaml (merge (deepCopy $ready) .Values.probes.startup) | nindent 2 }}
readinessProbe:
  {{- toYaml (merge (deepCopy $ready) .Values.probes.readiness) | nindent 2 }}
livenessProbe:
  {{- toYaml (merge (deepCopy $live) .Values.probes.liveness) | nindent 2 }}
{{- end }}

{{/* What stands in podAnnotations wins. */}}
{{- define "model-server.podAnnotations" -}}
{{- $scrape := dict "prometheus.io/scrape" "true" "prometheus.io/port" "8000" "prometheus.io/path" "/metrics" }}
{{- toYaml (merge (dict) .Values.podAnnotations (ternary $scrape dict .Values.scrapeAnnotations)) }}
{{- end }}
