/**
 * The bodies of the HTTP API, by the names that pages use. They are those of `schema.d.ts`, which is made from the
 * server's own document; only what a page holds itself (forms with every member) is written here.
 * Times are RFC 3339 text, ids are text with a prefix (`flw_…`).
 */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

export type JsonSchema = JsonObject & {
  type?: string | string[];
  title?: string;
  description?: string;
  format?: string;
  properties?: { [name: string]: JsonSchema };
  items?: JsonSchema;
  required?: string[];
  enum?: Json[];
  default?: Json;
};

export type Diagnostic = Schemas['Diagnostic'];
export type Use = Schemas['Use'];

/** A problem document (RFC 9457); without a server's answer it has status and code alone. */
export type ProblemBody = Partial<Schemas['Problem']> & Pick<Schemas['Problem'], 'status' | 'code'> & { run?: string | null };

export type User = Schemas['User'];
export type Session = Schemas['Session'];
export type ApiToken = Schemas['ApiToken'];
export type About = Schemas['About'];
export type Overview = Schemas['Overview'];
export type MailSettings = Schemas['MailSettings'];
export type MailForm = Schemas['MailForm'];
export type Approval = Schemas['Approval'];
export type OnFailure = Schemas['OnFailure'];
export type Digest = Schemas['Digest'];
export type Settings = Schemas['Settings'];
export type SettingsForm = Schemas['SettingsForm'];
export type Attention = Schemas['Attention'];
export type AttentionPage = Schemas['AttentionPage'];
export type Reachability = Schemas['Reachability'];

export type Authentication = Schemas['Authentication'];
export type LeftBehind = Schemas['LeftBehind'];
export type WebhookPreset = Schemas['WebhookPreset'];
export type DeletionOutlook = Schemas['DeletionOutlook'];
export type ConnectionFields = Schemas['ConnectionFields'];
export type ConnectionField = Schemas['ConnectionField'];
export type Visibility = Schemas['Visibility'];
export type CallbackParameter = Schemas['CallbackPlace'];
export type DeleteRequest = Schemas['DeleteRequest'];
export type OperationSummary = Schemas['OperationSummary'];
export type Parameter = Omit<Schemas['Parameter'], 'schema'> & { schema: JsonSchema };
export type Token = Schemas['Token'];
export type TimeZone = Schemas['TimeZone'];
export type OperationDetail = Omit<Schemas['Operation'], 'parameters' | 'outputs_schema'> & {
  parameters: Parameter[];
  outputs_schema: JsonSchema | null;
};
export type ConnectorListed = Schemas['ConnectorListed'];
export type Connector = Schemas['Connector'];
export type ConnectorSettings = Schemas['ConnectorSettings'];
export type ConnectorCheck = Schemas['ConnectorCheck'];
export type ChangesForm = Schemas['ChangesForm'];
export type FlowBreakView = Schemas['FlowBreakView'];
export type GalleryEntry = Schemas['GalleryEntry'];
export type TreeNode = Schemas['Node'];

/** A parameter as the operation editor holds it. */
export type FormParameter = Omit<Schemas['FormParameter'], 'schema'> & { schema: JsonSchema };
export type RequestForm = Omit<Schemas['RequestForm'], 'parameters'> & { parameters: FormParameter[] };
/** An operation as the editor holds it: every member is there. */
export interface OperationForm {
  role: Schemas['OperationRole'];
  summary: string;
  description: string;
  operation_id: string;
  visibility: Visibility;
  trigger_kind?: Schemas['TriggerKind'];
  mode?: Schemas['TriggerMode'];
  request: RequestForm;
  callback_parameter?: CallbackParameter | null;
  delete_request?: DeleteRequest;
  /** What is declared for the webhook (`x-hookmill-…`), by name. */
  declarations?: JsonObject;
  notification_schema?: JsonSchema;
  notification_headers?: string[];
  response_schema?: JsonSchema;
}

export type Sample = Schemas['Sample'];
export type Call = Schemas['Call'];
export type Connection = Schemas['Connection'];
export type ConsentForm = Schemas['ConsentForm'];
export type ConnectionBody = Schemas['ConnectionForm'];
export type ConnectionTest = Schemas['ConnectionTest'];

export type FlowState = Schemas['FlowState'];
export type RunStatus = Schemas['RunStatus'];
export type ActionStatus = Schemas['ActionStatus'];
/** As the designer holds it: of a new one only the connection is known. */
export type FlowConnection = Pick<Schemas['FlowConnection'], 'connection_id'> & Partial<Schemas['FlowConnection']>;
export type FlowWebhook = Schemas['FlowWebhook'];
export type FlowListed = Schemas['FlowListed'];
export type Flow = Schemas['Flow'];
export type FlowBody = Schemas['FlowForm'];
export type Delivery = Schemas['Delivery'];
export type ImportedFlow = Schemas['ImportedFlow'];
export type ImportedFile = Schemas['ImportedFile'];
export type FlowTemplate = Schemas['FlowTemplate'];
export type RunBatch = Schemas['RunBatch'];
export type RunCause = Schemas['Cause'];

export type RunError = Schemas['Explained'];
export type RunListed = Schemas['RunListed'];
export type RunPage = Schemas['RunPage'];
export type Run = Schemas['Run'];
export type Attempt = Schemas['Attempt'];
export type ActionRun = Schemas['ActionRun'];

export type CatalogItem = Schemas['CatalogItem'];
export type InboxItem = Schemas['Notification'];
export type Inbox = Schemas['Inbox'];
export type Device = Schemas['Device'];
export type Evaluated = Schemas['Evaluated'];
export type ExpressionFunction = Schemas['ExpressionFunction'];
export type EventSummary = Schemas['EventListed'];
