{{- define "ray-service.head" -}}
metadata:
  labels:
    {{- include "ray-service.podLabels" . | nindent 4 }}
  annotations:
    # See the workers.
    checksum/left-out: {{ toJson .Values.tolerations | sha256sum | trunc 16 }}
    {{- with include "ray-service.podAnnotations" . | fromYaml }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- if not (include "ray-service.autoscaled" .) }}
  # With an autoscaler the operator makes an account of its own, with the rights that it needs.
  serviceAccountName: {{ include "ray-service.serviceAccountName" . }}
  {{- end }}
  {{- include "ray-service.podSpec" . | nindent 2 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: ray-head
      image: {{ include "ray-service.image" . }}
      {{- include "ray-service.containerSpec" . | nindent 6 }}
      ports:
        - name: gcs-server
          containerPort: 6379
        - name: dashboard
          containerPort: 8265
        - name: serve
          containerPort: {{ .Values.serve.port }}
        - name: metrics
          containerPort: 8080
      resources:
        {{- toYaml .Values.head.resources | nindent 8 }}
  volumes:
    {{- include "ray-service.volumes" . | nindent 4 }}
    {{- if include "ray-service.autoscaled" . }}
    {{- include "ray-service.tokenVolume" . | nindent 4 }}
    {{- end }}
{{- end }}
