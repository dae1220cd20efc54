{{/* Values that contradict each other, which a schema cannot say. Each message ends in what to set. */}}
{{- define "model-server.validate" -}}
{{- include "model-server.validateModel" . }}
{{- include "model-server.validateScaling" . }}
{{- include "model-server.validateGpu" . }}
{{- include "model-server.validateTimes" . }}
{{- range .Values.extraEnv }}
{{- if hasPrefix "TRIVET_" .name }}
{{- fail (printf "extraEnv cannot hold %s: set it under settings, or where the description of settings says" .name) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "model-server.validateModel" -}}
{{- range $uri := splitList "," .Values.model.uri }}
{{- $uri = trim $uri }}
{{- $stage := regexFind "^models:/[^/@]+/(?i:none|staging|production|archived)$" $uri }}
{{- if $stage }}
{{- $parts := splitList "/" $uri }}
{{- fail (printf "model.uri %s names a stage, which MLflow has given up: set model.uri=models:/%s@%s" $uri (index $parts 1) (index $parts 2 | lower)) }}
{{- end }}
{{- if not (regexMatch "^(models:/([A-Za-z0-9][A-Za-z0-9._-]*(@[^/@]+|/[0-9]+)|[?][^=@]+=[^@]+@[^/@]+)|/.+)$" $uri) }}
{{- fail (printf "model.uri %s names no model: set models:/NAME@ALIAS, models:/NAME/VERSION or a folder of the image" $uri) }}
{{- end }}
{{- end }}
{{- if and (contains "models:/" .Values.model.uri) (not .Values.registry.trackingUri) }}
{{- fail "model.uri is in a registry: set registry.trackingUri to its address" }}
{{- end }}
{{- if eq .Values.image.tag "latest" }}
{{- fail "image.tag latest says not which image runs: set a version" }}
{{- end }}
{{- if and .Values.settings.shadow .Values.settings.canary }}
{{- fail "settings.shadow answers nobody, settings.canary answers some: leave one of them empty" }}
{{- end }}
{{- if and .Values.secrets.databaseUrl.name .Values.settings.database_url }}
{{- fail "settings.database_url and secrets.databaseUrl both name the prediction log: leave one of them empty" }}
{{- end }}
{{- if regexMatch "://[^/@]*:[^/@]*@" (default "" .Values.settings.database_url) }}
{{- fail "settings.database_url holds a password: put the URL into a Secret and set secrets.databaseUrl.name" }}
{{- end }}
{{- end }}

{{- define "model-server.validateScaling" -}}
{{- with .Values.autoscaling }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "autoscaling.minReplicas %d is above maxReplicas %d: raise maxReplicas or lower minReplicas" (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
{{- if and (ne .mode "none") (not (kindIs "invalid" $.Values.replicaCount)) }}
{{- fail (printf "replicaCount is the autoscaler's with autoscaling.mode %s: set autoscaling.minReplicas, or mode none" .mode) }}
{{- end }}
{{- if and (ne .mode "none") (not (dig "requests" "cpu" "" $.Values.resources)) }}
{{- fail (printf "autoscaling.mode %s measures CPU against the request: set resources.requests.cpu" .mode) }}
{{- end }}
{{- if and (eq .mode "keda") (gt (int .keda.fallbackReplicas) (int .maxReplicas)) }}
{{- fail "autoscaling.keda.fallbackReplicas is above maxReplicas: lower it, or raise maxReplicas" }}
{{- end }}
{{- range .keda.cron }}
{{- if gt (int .replicas) (int $.Values.autoscaling.maxReplicas) }}
{{- fail "autoscaling.keda.cron wants more replicas than maxReplicas: raise maxReplicas" }}
{{- end }}
{{- end }}
{{- with .keda.scaleToZero }}
{{- if and .enabled (not .demandQuery) }}
{{- fail "autoscaling.keda.scaleToZero has no way back: set demandQuery to what the gateway measures" }}
{{- end }}
{{- end }}
{{- if and (ne .mode "keda") (or .keda.paused .keda.cron .keda.forecast.enabled .keda.scaleToZero.enabled) }}
{{- fail (printf "autoscaling.keda counts with KEDA only, the mode is %s: set autoscaling.mode=keda" .mode) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "model-server.validateGpu" -}}
{{- $ours := "nvidia.com/" }}
{{- with .Values.gpu }}
{{- if and .enabled (lt (int .count) 1) }}
{{- fail "gpu.enabled needs a GPU: set gpu.count to 1 or more, or gpu.enabled=false" }}
{{- end }}
{{- if and .enabled (or (not .nodeSelector) (not .tolerations)) }}
{{- fail "gpu.enabled needs a way to the pool: set gpu.nodeSelector and gpu.tolerations" }}
{{- end }}
{{- if and .dra.enabled (not .enabled) }}
{{- fail "gpu.dra.enabled needs gpu.enabled=true" }}
{{- end }}
{{- if and .dra.enabled (ne .resourceName "nvidia.com/gpu") }}
{{- fail "gpu.dra.enabled claims a device, gpu.resourceName asks the device plugin: set one of them" }}
{{- end }}
{{- end }}
{{- range $name := concat (keys .Values.nodeSelector) (keys (dig "limits" dict .Values.resources)) (keys (dig "requests" dict .Values.resources)) }}
{{- if hasPrefix $ours $name }}
{{- fail (printf "%s comes from one block, with selector, toleration and limit together: set gpu.enabled=true and gpu.*" $name) }}
{{- end }}
{{- end }}
{{- range .Values.tolerations }}
{{- if or (not .key) (hasPrefix $ours .key) }}
{{- fail "tolerations would let a pod without a GPU onto the GPU pool: set gpu.enabled=true, or a toleration with another key" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "model-server.validateTimes" -}}
{{- $request := float64 (default 30 .Values.settings.request_timeout_seconds) }}
{{- if gt $request (float64 .Values.drain.timeoutSeconds) }}
{{- fail (printf "a request may take %v s, a drain ends after %v s: set drain.timeoutSeconds to at least that" $request .Values.drain.timeoutSeconds) }}
{{- end }}
{{- if ge (float64 (default 0 .Values.settings.batch_wait_seconds)) $request }}
{{- fail "settings.batch_wait_seconds leaves a request no time: set it below request_timeout_seconds" }}
{{- end }}
{{- $start := mul .Values.probes.startup.periodSeconds .Values.probes.startup.failureThreshold }}
{{- if le (int .Values.rollout.progressDeadlineSeconds) (int $start) }}
{{- fail (printf "rollout.progressDeadlineSeconds ends before the %d s that a start may take: raise it, or lower probes.startup" (int $start)) }}
{{- end }}
{{- if and (eq (toString .Values.rollout.maxSurge) "0") (eq (toString .Values.rollout.maxUnavailable) "0") }}
{{- fail "a rollout can neither add nor take away a pod: set rollout.maxSurge or rollout.maxUnavailable above 0" }}
{{- end }}
{{- end }}
