/** The bodies of the HTTP API as the pages use them. Times are RFC 3339 text, ids are text with a prefix (`flw_…`). */

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

export interface Diagnostic {
  severity: 'error' | 'warning';
  code: string;
  pointer: string;
  message: string;
  hint?: string | null;
}

export interface Use {
  kind: string;
  id: string;
  name: string;
}

/** A problem document (RFC 9457) with the members that Hookmill adds. */
export interface ProblemBody {
  type?: string;
  title?: string;
  status: number;
  code: string;
  fault?: string;
  detail?: string;
  hint?: string | null;
  pointer?: string | null;
  diagnostics?: Diagnostic[];
  run?: string | null;
  used_by?: Use[];
  request_id?: string;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface User {
  id: string;
  name: string;
  email: string;
  role: 'owner' | 'member';
}
export interface Session {
  user: User;
  csrf_token: string;
}
export interface ApiToken {
  id: string;
  name: string;
  created_at: string;
  expires_at?: string | null;
  last_used_at?: string | null;
  token?: string;
}
export interface About {
  version: string;
  public_url?: string;
  data?: string;
  uptime_ms?: number;
}
export interface MailSettings {
  host: string;
  port: number;
  username?: string;
  password?: string;
  password_set?: boolean;
  from: string;
  security: string;
}
export interface Settings {
  public_url: string;
  mail: MailSettings | null;
  retention_days: number;
  time_zone: string;
}

export interface Attention {
  kind: 'webhook_failed' | 'connection_broken' | 'flow_failing' | 'webhook_undeleted';
  flow?: { id: string; name: string } | string | null;
  connection?: { id: string; name: string } | string | null;
  run?: { id: string } | string | null;
  title: string;
  detail?: string;
  hint?: string | null;
}

export type Authentication =
  | { type: 'none' }
  | { type: 'basic'; username_label?: string; password_label?: string }
  | { type: 'api_key'; in: 'header' | 'query'; name: string; label?: string }
  | {
      type: 'oauth2';
      client_id?: string;
      client_secret?: string;
      authorization_url?: string;
      token_url?: string;
      refresh_url?: string;
      scopes?: string[] | string;
      [member: string]: Json | undefined;
    };

export type Visibility = '' | 'important' | 'advanced' | 'internal';

export interface CallbackParameter {
  in: string;
  path: string[];
}

export interface OperationSummary {
  operation_id: string;
  summary: string;
  description: string;
  role: 'trigger' | 'action';
  trigger_kind?: 'webhook' | 'polling' | null;
  mode?: 'single' | 'batch' | null;
  method: string;
  path: string;
  visibility: Visibility;
  deprecated?: boolean;
  callback?: CallbackParameter | null;
  notification_schema?: boolean;
}

export interface Parameter {
  name: string;
  in: string;
  key: string;
  summary?: string;
  description?: string;
  required: boolean;
  schema: JsonSchema;
  default?: Json;
  visibility: Visibility;
  enum?: Json[] | null;
  dynamic_values?: Json;
  dynamic_schema?: Json;
}

export interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  format?: string;
  properties?: { [name: string]: JsonSchema };
  items?: JsonSchema;
  required?: string[];
  enum?: Json[];
  default?: Json;
  [member: string]: unknown;
}

export interface Token {
  title: string;
  path: string | string[];
  expression: string;
  type?: string;
  format?: string | null;
  required?: boolean;
  visibility?: Visibility;
  in_array?: string | null;
  description?: string | null;
  sample?: Json;
}

export interface OperationDetail extends OperationSummary {
  parameters: Parameter[];
  responses?: Json;
  outputs_schema?: JsonSchema | null;
  notification?: JsonSchema | null;
  dynamic_content: Token[];
}

export interface Connector {
  id: string;
  name: string;
  description: string;
  icon_url: string | null;
  color: string | null;
  host: string;
  base_path: string;
  scheme: string;
  authentication: Authentication;
  operations?: OperationSummary[];
  triggers_count: number;
  actions_count: number;
  connections_count: number;
  etag: string;
  created_at: string;
  updated_at: string;
  diagnostics?: Diagnostic[];
}

export interface ConnectorSettings {
  name?: string;
  description?: string;
  color?: string;
  authentication?: Authentication;
  host?: string;
  base_path?: string;
  scheme?: string;
}

export interface ConnectorCheck {
  valid: boolean;
  title: string;
  host: string;
  base_path: string;
  scheme: string;
  description: string;
  operations: number;
  triggers: OperationSummary[];
  authentication: Authentication[];
  diagnostics: Diagnostic[];
}

export interface OperationForm {
  role: 'trigger' | 'action';
  summary: string;
  description: string;
  operation_id: string;
  visibility: Visibility;
  trigger_kind?: 'webhook' | 'polling';
  mode?: 'single' | 'batch';
  request: RequestForm;
  callback_parameter?: CallbackParameter | null;
  notification_schema?: JsonSchema;
  response_schema?: JsonSchema;
  delete?: { operation_id: string } | null;
}
export interface RequestForm {
  method: string;
  path: string;
  parameters: Parameter[];
  [member: string]: unknown;
}

export interface HttpRequestView {
  method: string;
  url: string;
  headers?: { [name: string]: Json };
  body?: Json;
}
export interface HttpResponseView {
  status: number;
  headers?: { [name: string]: Json };
  body?: Json;
}

export interface Connection {
  id: string;
  name: string;
  connector: { id: string; name: string; icon_url: string | null };
  authentication: Authentication | string;
  username?: string | null;
  health: 'ok' | 'broken' | 'unknown';
  health_detail?: string | null;
  used_by_count: number;
  created_at: string;
  updated_at: string;
}

export type FlowState = 'draft' | 'on' | 'off';
export type RunStatus =
  | 'Running'
  | 'Waiting'
  | 'Succeeded'
  | 'Failed'
  | 'Cancelled'
  | 'Skipped'
  | 'TimedOut'
  | 'Suspended'
  | 'Aborted'
  | 'Ignored'
  | 'Faulted'
  | 'Paused';

export interface FlowConnection {
  connection_id: string | null;
  connector_id?: string;
  api?: string;
}

export interface FlowWebhook {
  state: string;
  location?: string | null;
  callback_url_hint?: string | null;
  created_at?: string | null;
  last_notification_at?: string | null;
  warning?: string | null;
  error?: Json;
}

export interface Flow {
  id: string;
  name: string;
  description?: string | null;
  state: FlowState;
  version: number;
  etag: string;
  trigger: {
    name: string;
    type: string;
    kind?: string;
    summary?: string;
    connector?: { id: string; name: string; icon_url: string | null } | null;
  } | null;
  definition?: JsonObject;
  connections: { [key: string]: FlowConnection };
  parameters?: JsonObject;
  profile?: string;
  webhook: FlowWebhook | null;
  diagnostics?: Diagnostic[];
  last_run?: { id: string; status: RunStatus; started_at: string } | null;
  recent?: RunStatus[];
  created_at: string;
  updated_at: string;
  run?: string | null;
  problem?: ProblemBody | null;
}

export interface FlowBody {
  name: string;
  definition: JsonObject;
  connections: { [key: string]: { connection_id: string } };
  parameters?: JsonObject;
  state?: FlowState;
}

export interface ImportedFlow {
  name: string;
  definition: JsonObject;
  parameters: JsonObject;
  profile: string;
  connections: { [key: string]: { api?: string; connector_id?: string | null } };
  needs: Json[];
  diagnostics: Diagnostic[];
}

export interface RunError {
  code: string;
  message: string;
  hint?: string | null;
}

export interface Run {
  id: string;
  flow: { id: string; name: string };
  version: number;
  kind: 'flow' | 'create_webhook' | 'delete_webhook';
  status: RunStatus;
  started_at: string;
  ended_at: string | null;
  duration_ms: number | null;
  trigger: { name: string; summary?: string; inputs?: Json; outputs?: Json; status?: RunStatus; [member: string]: unknown };
  error?: RunError | null;
  resubmitted_from?: string | null;
  definition?: JsonObject;
  actions?: ActionRun[];
  request?: HttpRequestView | null;
  response?: HttpResponseView | null;
}

export interface Attempt {
  attempt: number;
  started_at: string;
  ended_at?: string | null;
  status?: string;
  code?: string | null;
  error?: RunError | null;
  request?: HttpRequestView | null;
  redispatched?: number;
}

export interface ActionRun {
  name: string;
  type: string;
  status: RunStatus;
  code?: string | null;
  started_at?: string | null;
  ended_at?: string | null;
  inputs?: Json;
  outputs?: Json;
  error?: RunError | null;
  attempts?: Attempt[];
  iterations?: number | null;
  parent?: string | null;
  repetitions?: number;
  taken_over?: boolean;
  branch?: string | null;
  index?: number[];
  secure_inputs?: boolean;
  secure_outputs?: boolean;
  tracked_properties?: Json;
}

export interface CatalogItem {
  kind: 'trigger' | 'action';
  group: 'builtin' | 'connector';
  type: string;
  operation_id?: string | null;
  connector?: { id: string; name: string; icon_url: string | null; color?: string | null } | null;
  title: string;
  description?: string;
  form?: Json;
}

export interface InboxItem {
  id: string;
  text: string;
  title: string;
  link?: string | { uri?: string; url?: string; label?: string } | null;
  run?: string | { id: string } | null;
  flow?: string | { id: string; name?: string } | null;
  created_at: string;
  read_at: string | null;
}
export interface Inbox extends Page<InboxItem> {
  unread: number;
}
export interface Device {
  id: string;
  name: string;
  endpoint?: string;
  created_at?: string;
  last_used_at?: string | null;
  [member: string]: unknown;
}

export interface ExpressionFunction {
  name: string;
  category: string;
  signature: string;
  description: string;
  example: string;
  result: string | Json;
}

export interface EventSummary {
  id: string;
  received_at: string;
  summary: string;
}
