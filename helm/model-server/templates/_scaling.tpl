{{/* Up at once, down slowly: a replica that is missing costs answers, one too many costs little. */}}
{{- define "model-server.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - type: Percent
      value: 100
      periodSeconds: 30
    - type: Pods
      value: 2
      periodSeconds: 30
scaleDown:
  stabilizationWindowSeconds: {{ .Values.autoscaling.scaleDownWindowSeconds }}
  selectPolicy: Max
  policies:
    - type: Percent
      value: 25
      periodSeconds: 60
    - type: Pods
      value: 1
      periodSeconds: 60
{{- end }}
