{{/* What KEDA scales on: the greatest of these counts. */}}
{{- define "model-server.triggers" -}}
{{- $keda := .Values.autoscaling.keda }}
{{- $inflight := include "model-server.inflight" . }}
- type: prometheus
  name: in-flight
  metricType: AverageValue
  metadata:
    serverAddress: {{ $keda.prometheusUrl }}
    query: {{ $inflight }}{{ if $keda.scaleToZero.enabled }} or vector(0){{ end }}
    threshold: {{ toJson $keda.inFlightPerReplica | quote }}
    # A missing series is a failure, not an idle server.
    ignoreNullValues: "false"
{{- if $keda.forecast.enabled }}
- type: prometheus
  name: forecast
  metricType: AverageValue
  metadata:
    serverAddress: {{ $keda.prometheusUrl }}
    query: {{ include "model-server.forecast" . | quote }}
    threshold: {{ toJson $keda.inFlightPerReplica | quote }}
    # Without a past there is no forecast, and the first trigger says whether anything is missing.
    ignoreNullValues: "true"
{{- end }}
{{- if $keda.scaleToZero.enabled }}
# Starts the first replica, and no other: minReplicas at least are there as long as it is above 0.
- type: prometheus
  name: demand
  metricType: AverageValue
  metadata:
    serverAddress: {{ $keda.prometheusUrl }}
    query: {{ printf "sum(%s) > bool 0" $keda.scaleToZero.demandQuery | quote }}
    threshold: "1"
    ignoreNullValues: "true"
{{- end }}
{{- range $index, $time := $keda.cron }}
- type: cron
  name: cron-{{ $index }}
  metadata:
    timezone: {{ $time.timezone }}
    start: {{ $time.start | quote }}
    end: {{ $time.end | quote }}
    desiredReplicas: {{ $time.replicas | quote }}
{{- end }}
# Goes on when Prometheus does not.
- type: cpu
  metricType: Utilization
  metadata:
    containerName: server
    value: {{ .Values.autoscaling.cpuPercent | quote }}
{{- end }}

{{- define "model-server.inflight" -}}
sum(trivet:inflight:sum{namespace={{ .Release.Namespace | quote }},engine={{ .Values.engine | quote }}})
{{- end }}

{{/*
The trend of the last minutes, as far ahead as a start takes, and no more than maxGrowth times what there is. A start is
as long as the slowest that was measured.
*/}}
{{- define "model-server.forecast" -}}
{{- $series := printf "namespace=%q,engine=%q" .Release.Namespace .Values.engine }}
{{- with .Values.autoscaling.keda.forecast }}
{{- $start := printf "scalar(max(trivet:cold_start_seconds:max{%s}) or vector(%d))" $series (int .horizonSeconds) }}
{{- $ahead := printf "sum(predict_linear(trivet:inflight:sum{%s}[%ds], %s))" $series (int .lookbackSeconds) $start }}
{{- $most := printf "scalar(%v * %s)" .maxGrowth (include "model-server.inflight" $) }}
{{- /* >= 0 also drops a NaN */}}
{{- printf "clamp_max(%s, %s) >= 0" $ahead $most }}
{{- end }}
{{- end }}
