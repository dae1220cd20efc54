{{/* Values that contradict each other, which a schema cannot say. Each message ends in what to set. */}}
{{- define "ray-service.validate" -}}
{{- include "ray-service.validateModel" . }}
{{- include "ray-service.validateServe" . }}
{{- include "ray-service.validateGpu" . }}
{{- include "ray-service.validateWorkers" . }}
{{- include "ray-service.validateUpgrade" . }}
{{- range .Values.extraEnv }}
{{- if hasPrefix "TRIVET_" .name }}
{{- fail (printf "extraEnv cannot hold %s: set it under settings, or where the description of settings says" .name) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ray-service.validateModel" -}}
{{- $uris := default .Values.model.uri .Values.serve.user_config.model }}
{{- range $uri := splitList "," $uris }}
{{- $uri = trim $uri }}
{{- $stage := regexFind "^models:/[^/@]+/(?i:none|staging|production|archived)$" $uri }}
{{- if $stage }}
{{- $parts := splitList "/" $uri }}
{{- fail (printf "model.uri %s names a stage, which MLflow has given up: set model.uri=models:/%s@%s" $uri (index $parts 1) (index $parts 2 | lower)) }}
{{- end }}
{{- end }}
{{- if and (contains "models:/" $uris) (not .Values.registry.trackingUri) }}
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

{{- define "ray-service.validateGpu" -}}
{{- $ours := "nvidia.com/" }}
{{- with .Values.gpu }}
{{- if and .enabled (lt (int .count) 1) }}
{{- fail "gpu.enabled needs a GPU: set gpu.count to 1 or more, or gpu.enabled=false" }}
{{- end }}
{{- if and .enabled (or (not .nodeSelector) (not .tolerations)) }}
{{- fail "gpu.enabled needs a way to the pool: set gpu.nodeSelector and gpu.tolerations" }}
{{- end }}
{{- if and .enabled (not $.Values.serve.num_gpus) }}
{{- fail "gpu.enabled makes workers with GPUs that no replica asks for: set serve.num_gpus to 1, or to the share of one that a replica takes" }}
{{- end }}
{{- if and $.Values.serve.num_gpus (not .enabled) }}
{{- fail "serve.num_gpus needs workers with GPUs: set gpu.enabled=true" }}
{{- end }}
{{- if and .dra.enabled (not .enabled) }}
{{- fail "gpu.dra.enabled needs gpu.enabled=true" }}
{{- end }}
{{- if and .dra.enabled (ne .resourceName "nvidia.com/gpu") }}
{{- fail "gpu.dra.enabled claims a device, gpu.resourceName asks the device plugin: set one of them" }}
{{- end }}
{{- end }}
{{- $names := keys .Values.nodeSelector }}
{{- range $resources := list .Values.head.resources .Values.workers.cpu.resources .Values.workers.gpu.resources }}
{{- $names = concat $names (keys (dig "limits" dict $resources)) (keys (dig "requests" dict $resources)) }}
{{- end }}
{{- range $name := $names }}
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

{{- define "ray-service.validateUpgrade" -}}
{{- if eq .Values.upgradeStrategy.type "NewClusterWithIncrementalUpgrade" }}
{{- if not (include "ray-service.autoscaled" .) }}
{{- fail "upgradeStrategy.type NewClusterWithIncrementalUpgrade needs Ray's autoscaler: set serve.autoscaling, or type NewCluster" }}
{{- end }}
{{- if not .Values.upgradeStrategy.gatewayClassName }}
{{- fail "upgradeStrategy.type NewClusterWithIncrementalUpgrade moves requests by a Gateway of its own: set upgradeStrategy.gatewayClassName" }}
{{- end }}
{{- end }}
{{- end }}
