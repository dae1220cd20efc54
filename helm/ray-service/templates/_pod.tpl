{{/*
What head and workers share of a pod. The operator adds to it: the command, probes that are not set here, /dev/shm, in
workers a container that waits for the head, and in an autoscaled head the autoscaler.
*/}}
{{- define "ray-service.podSpec" -}}
automountServiceAccountToken: false
# A Service named trivet would set variables that the server takes for misspelt settings.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "ray-service.gracePeriodSeconds" . }}
securityContext:
  {{- include "ray-service.podSecurity" . | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "ray-service.containerSpec" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "ray-service.env" . | nindent 2 }}
securityContext:
  {{- include "ray-service.containerSecurity" . | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- range $name, $secret := .Values.secrets }}
  {{- if $secret.name }}
  - name: {{ kebabcase $name }}
    mountPath: /etc/trivet/{{ $name }}
    readOnly: true
  {{- end }}
  {{- end }}
{{- end }}

{{- define "ray-service.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.temporarySizeLimit }}
{{- range $name, $secret := .Values.secrets }}
{{- if $secret.name }}
- name: {{ kebabcase $name }}
  secret:
    secretName: {{ $secret.name }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the autoscaler, and no other container, needs to ask Kubernetes for workers. */}}
{{- define "ray-service.tokenVolume" -}}
- name: kubernetes
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}

{{/* What stands in podAnnotations wins. */}}
{{- define "ray-service.podAnnotations" -}}
{{- $scrape := dict "prometheus.io/scrape" "true" "prometheus.io/port" "8080" "prometheus.io/path" "/metrics" }}
{{- toYaml (merge (dict) .Values.podAnnotations (ternary $scrape dict .Values.scrapeAnnotations)) }}
{{- end }}
