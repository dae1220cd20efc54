{{/* A group of workers. Takes a dict: root, name (cpu or gpu), group (its values). */}}
{{- define "ray-service.workerGroup" -}}
{{- $gpu := ternary .root.Values.gpu dict (eq .name "gpu") }}
{{- $labels := include "ray-service.workerLabels" .root }}
{{- $tolerations := concat .root.Values.tolerations (dig "tolerations" list $gpu) }}
{{- $replicas := include "ray-service.workerReplicas" . }}
- groupName: {{ .name }}
  {{- $replicas | nindent 2 }}
  rayStartParams:
    num-cpus: {{ toJson .group.numCpus | quote }}
    {{- if $gpu }}
    num-gpus: {{ int $gpu.count | quote }}
    {{- end }}
  template:
    metadata:
      labels:
        {{- include "ray-service.podLabels" .root | nindent 8 }}
      annotations:
        # KubeRay leaves these out where it compares: without the sum a change would wait for the next new cluster.
        checksum/left-out: {{ printf "%s%s" $replicas (toJson $tolerations) | sha256sum | trunc 16 }}
        {{- with include "ray-service.podAnnotations" .root | fromYaml }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "ray-service.serviceAccountName" .root }}
      {{- include "ray-service.podSpec" .root | nindent 6 }}
      {{- with merge (dict) .root.Values.nodeSelector (dig "nodeSelector" dict $gpu) }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.topologySpread }}
      {{- if .enabled }}
      topologySpreadConstraints:
        - maxSkew: {{ .maxSkew }}
          topologyKey: {{ .topologyKey }}
          whenUnsatisfiable: {{ .whenUnsatisfiable }}
          # Each cluster is spread by itself: during an upgrade the old one is about to go.
          matchLabelKeys: [ray.io/cluster, ray.io/group]
          labelSelector:
            matchLabels:
              {{- $labels | nindent 14 }}
      {{- end }}
      {{- end }}
      containers:
        - name: ray-worker
          image: {{ include "ray-service.image" .root }}{{ dig "imageTagSuffix" "" $gpu }}
          {{- include "ray-service.containerSpec" .root | nindent 10 }}
          ports:
            - name: serve
              containerPort: {{ .root.Values.serve.port }}
            - name: metrics
              containerPort: 8080
          # Of the pod's proxy: a replica of the cluster answers, and the proxy is not about to end. The operator's own
          # probe asks the same, less often and through a shell.
          readinessProbe:
            httpGet:
              path: /-/healthz
              port: serve
            {{- toYaml .root.Values.probes.readiness | nindent 12 }}
          # Clients that have not yet heard that the pod goes away still find it for these seconds. Then Ray moves its
          # replicas to where there is room, and ends when they have answered what is in flight.
          lifecycle:
            preStop:
              sleep:
                seconds: {{ .root.Values.drain.preStopSeconds }}
          resources:
            {{- include "ray-service.workerResources" (dict "resources" .group.resources "gpu" $gpu) | nindent 12 }}
      volumes:
        {{- include "ray-service.volumes" .root | nindent 8 }}
      {{- if dig "dra" "enabled" false $gpu }}
      resourceClaims:
        - name: gpu
          resourceClaimTemplateName: {{ include "ray-service.fullname" .root }}-gpu
      {{- end }}
{{- end }}

{{/* Where the autoscaler decides, `replicas` is its own. */}}
{{- define "ray-service.workerReplicas" -}}
{{- if include "ray-service.autoscaled" .root -}}
minReplicas: {{ .group.minReplicas }}
maxReplicas: {{ .group.maxReplicas }}
{{- else -}}
replicas: {{ .group.replicas }}
minReplicas: {{ .group.replicas }}
maxReplicas: {{ .group.replicas }}
{{- end }}
{{- end }}

{{- define "ray-service.workerResources" -}}
{{- $resources := deepCopy .resources }}
{{- if dig "dra" "enabled" false .gpu }}
{{- $resources = merge $resources (dict "claims" (list (dict "name" "gpu"))) }}
{{- else if .gpu }}
{{- $resources = merge $resources (dict "limits" (dict .gpu.resourceName (int .gpu.count))) }}
{{- end }}
{{- toYaml $resources }}
{{- end }}
