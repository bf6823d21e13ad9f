{{- define "numberdesk.labels" -}}
app.kubernetes.io/name: numberdesk
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "numberdesk.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "numberdesk.pod" -}}
automountServiceAccountToken: false
# A service of this name would set NUMBERDESK_PORT, which is a setting.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: data
    emptyDir: {}
  - name: secrets
    secret:
      secretName: {{ .Values.secretName }}
      defaultMode: 0440
{{- end }}

{{- define "numberdesk.container" -}}
image: {{ include "numberdesk.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: data, mountPath: /data}
  - {name: secrets, mountPath: /run/secrets/numberdesk, readOnly: true}
env:
  - {name: NUMBERDESK_DATABASE_URL, value: ""}
  - {name: NUMBERDESK_DATABASE_URL_FILE, value: /run/secrets/numberdesk/database_url}
  - {name: NUMBERDESK_CREDENTIALS_KEY_FILE, value: /run/secrets/numberdesk/credentials_key}
  - {name: NUMBERDESK_METRICS_TOKEN_FILE, value: /run/secrets/numberdesk/metrics_token}
  - {name: NUMBERDESK_METRICS_HOST, value: "0.0.0.0"}
  - {name: NUMBERDESK_METRICS_PORT, value: "9464"}
  {{- range $name, $value := .Values.settings }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
{{- end }}
