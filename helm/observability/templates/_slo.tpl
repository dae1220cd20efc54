{{/* A file of rules/ or alerts/ with the objectives in the place of each $(…). Takes a dict: root, path. */}}
{{- define "observability.filled" -}}
{{- $text := .root.Files.Get .path }}
{{- range $name, $value := include "observability.objectives" .root | fromYaml }}
{{- $text = replace (printf "$(%s)" $name) $value $text }}
{{- end }}
{{- $text }}
{{- end }}

{{/* A budget is a ratio; the bound is the threshold as the label `le` of a bucket has it. */}}
{{- define "observability.objectives" -}}
{{- with .Values.slo }}
{{- include "observability.validateThreshold" .latency.thresholdSeconds -}}
availability.objective: {{ toJson .availability.objectivePercent | quote }}
availability.budget: {{ divf (subf 100 .availability.objectivePercent) 100 | printf "%.6g" | quote }}
latency.objective: {{ toJson .latency.objectivePercent | quote }}
latency.budget: {{ divf (subf 100 .latency.objectivePercent) 100 | printf "%.6g" | quote }}
latency.threshold: {{ toJson .latency.thresholdSeconds | quote }}
minimumRequests: {{ toJson .minimumRequests | quote }}
latency.bound: {{ regexReplaceAll "^([0-9]+)$" (toJson .latency.thresholdSeconds) "${1}.0" | quote }}
{{- end }}
{{- end }}

{{/* Between two bounds of services/core/metrics.py nobody can tell how many answers were slower. */}}
{{- define "observability.validateThreshold" -}}
{{- $bounds := list 0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 10.0 }}
{{- if not (has (float64 .) $bounds) }}
{{- fail (printf "slo.latency.thresholdSeconds %v is no bound of the histogram: set one of %s" . (toJson $bounds)) }}
{{- end }}
{{- end }}

{{/* The groups of a folder. Takes a dict: root, folder; each alert gets its runbook and the values' labels. */}}
{{- define "observability.groups" -}}
{{- $root := .root }}
{{- range $path, $_ := .root.Files.Glob (printf "%s/*.yaml" .folder) }}
{{- range (include "observability.filled" (dict "root" $root "path" $path) | fromYaml).groups }}
{{- range .rules }}
{{- if .alert }}
{{- $_ := set .annotations "runbook_url" (printf "%s#%s" $root.Values.alerts.runbookUrl (lower .alert)) }}
{{- $_ := set . "labels" (merge .labels $root.Values.alerts.labels) }}
{{- end }}
{{- end }}
- name: {{ .name }}
  interval: {{ default (printf "%vs" $root.Values.intervalSeconds) .interval }}
  rules:
    {{- toYaml .rules | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}
