/** Built-in triggers and actions: what a new one is made of, and the fields of its form. */
import { isObject, typeOf, type Json, type JsonObject } from './definition';
import { isOwnApi, pathCallOf } from './host';
import { isSameName, VARIABLE_TYPES } from './language';

export interface FieldForm {
  /** Member names from the step down. */
  path: readonly string[];
  label: { en: string; de: string };
  /** `text` holds text with tokens; `value` any value, an expression keeps its type; `numeric` a number or an expression; `json` structured data; `map` names with texts, `selectMap` with any values. */
  kind: 'text' | 'value' | 'numeric' | 'json' | 'code' | 'flow' | 'map' | 'selectMap' | 'select' | 'number' | 'boolean' | 'condition' | 'schema' | 'recurrence' | 'authentication' | 'columns' | 'timeZone' | 'variable' | 'variableValue' | 'duration' | 'inputs' | 'list';
  options?: readonly string[];
  /** What options are called on the page, where that is not what is stored. */
  titles?: { readonly [option: string]: { en: string; de: string } };
  required?: boolean;
  advanced?: boolean;
  hint?: { en: string; de: string };
  /** Shown only while another member has one of these values. */
  only?: { path: readonly string[]; among: readonly string[] };
}

/** Headings of the search, in their order. */
export const GROUPS = ['control', 'data', 'variables', 'time', 'text', 'http', 'messages', 'code'] as const;
export type BuiltinGroup = (typeof GROUPS)[number];

export interface Builtin {
  id: string;
  kind: 'trigger' | 'action';
  /** Definition type. */
  type: string;
  /** The heading it stands under in the search. */
  group: BuiltinGroup;
  title: { en: string; de: string };
  description: { en: string; de: string };
  keywords: string;
  icon: string;
  step: JsonObject;
  fields: readonly FieldForm[];
}

const field = (path: string, en: string, de: string, kind: FieldForm['kind'], more: Partial<FieldForm> = {}): FieldForm => ({ path: path.split('.'), label: { en, de }, kind, ...more });
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const UNITS = ['Second', 'Minute', 'Hour', 'Day', 'Week', 'Month', 'Year'];
const DELAY_UNITS = UNITS.slice(0, -1);

const notification = (operation: string, parameters: JsonObject): JsonObject => ({
  type: 'OpenApiConnection',
  inputs: { host: { apiId: '/providers/Microsoft.PowerApps/apis/shared_flowpush', connectionName: 'shared_flowpush', operationId: operation }, parameters },
});
/** Parameter keys have slashes, so these paths cannot be written with dots. */
const parameter = (key: string, en: string, de: string, more: Partial<FieldForm> = {}): FieldForm => ({ path: ['inputs', 'parameters', key], label: { en, de }, kind: 'text', ...more });

const approvals = (operation: string, parameters: JsonObject): JsonObject => ({
  inputs: { host: { apiId: '/providers/Microsoft.PowerApps/apis/shared_approvals', connectionName: 'shared_approvals', operationId: operation }, parameters },
});
/** What is asked; `object` is what its parameters are members of. */
const questionStep = (operation: string, object: string): JsonObject => approvals(operation, { approvalType: 'Basic', [`${object}/title`]: '', [`${object}/assignedTo`]: '' });
const questionFields = (object: string): readonly FieldForm[] => [
  parameter('approvalType', 'Approval type', 'Art der Genehmigung', { kind: 'select', required: true, options: ['Basic', 'BasicAwaitAll', 'CustomResponse', 'CustomResponseAwaitAll'], titles: {
    Basic: { en: 'Approve/Reject – first to respond', de: 'Genehmigen/Ablehnen – die erste Antwort zählt' },
    BasicAwaitAll: { en: 'Approve/Reject – everyone must approve', de: 'Genehmigen/Ablehnen – alle müssen zustimmen' },
    CustomResponse: { en: 'Custom responses – wait for one response', de: 'Eigene Antworten – eine abwarten' },
    CustomResponseAwaitAll: { en: 'Custom responses – wait for all responses', de: 'Eigene Antworten – alle abwarten' },
  } }),
  parameter(`${object}/responseOptions`, 'Response options', 'Antworten zur Wahl', { kind: 'list', only: { path: ['inputs', 'parameters', 'approvalType'], among: ['CustomResponse', 'CustomResponseAwaitAll'] } }),
  parameter(`${object}/title`, 'Title', 'Titel', { required: true }),
  parameter(`${object}/assignedTo`, 'Assigned to', 'Gefragt', { required: true, hint: { en: 'Mail addresses, separated by “;”. Users of this server are asked in their inbox and on their phones, all others by mail.', de: 'E-Mail-Adressen, durch „;“ getrennt. Benutzer dieses Servers werden im Posteingang und auf dem Telefon gefragt, alle anderen per E-Mail.' } }),
  parameter(`${object}/details`, 'Details', 'Einzelheiten'),
  parameter(`${object}/itemLink`, 'Item link', 'Link', { advanced: true }),
  parameter(`${object}/itemLinkDescription`, 'Item link description', 'Text des Links', { advanced: true }),
  parameter(`${object}/enableNotifications`, 'Send mails too', 'Auch E-Mails senden', { kind: 'boolean', advanced: true }),
];
const APPROVAL_WORDS = 'approve reject sign off confirm ask people approvals freigabe zustimmung freigeben ablehnen fragen';

const make = (kind: Builtin['kind'], type: string, title: readonly [en: string, de: string], en: string, de: string, keywords: string, icon: string, step: JsonObject, fields: readonly FieldForm[], id = type): Builtin => ({
  id, kind, type, group: GROUP_OF_ICON[icon] ?? 'code', title: { en: title[0], de: title[1] }, description: { en, de }, keywords, icon, step: { type, ...step }, fields,
});
/** What looks alike stands together. */
const GROUP_OF_ICON: { [icon: string]: BuiltinGroup } = { branch: 'control', loop: 'control', box: 'control', stop: 'control', child: 'control', data: 'data', variable: 'variables', clock: 'time', text: 'text', globe: 'http', reply: 'http', bell: 'messages', approval: 'messages', mail: 'messages', code: 'code' };

const REQUEST_FIELDS = [field('inputs.schema', 'Request body schema', 'Schema des Inhalts', 'schema'), field('inputs.method', 'Method', 'Methode', 'select', { options: METHODS, advanced: true })];
const RECURRENCE_FIELDS = [field('recurrence', 'Recurrence', 'Wiederholung', 'recurrence', { required: true })];
const HTTP_FIELDS = [
  field('inputs.method', 'Method', 'Methode', 'select', { options: METHODS, required: true }),
  field('inputs.uri', 'URI', 'URI', 'text', { required: true }),
  field('inputs.headers', 'Headers', 'Header', 'map'),
  field('inputs.queries', 'Queries', 'Query-Parameter', 'map', { advanced: true }),
  field('inputs.body', 'Body', 'Inhalt', 'value'),
  field('inputs.cookie', 'Cookie', 'Cookie', 'text', { advanced: true }),
  field('inputs.authentication', 'Authentication', 'Authentifizierung', 'authentication', { advanced: true }),
];
const VARIABLE_FIELDS = [field('inputs.name', 'Name', 'Name', 'variable', { required: true }), field('inputs.value', 'Value', 'Wert', 'variableValue', { required: true })];
const INTERVAL_FIELDS = [
  field('inputs.interval', 'Interval', 'Abstand', 'numeric', { required: true }),
  field('inputs.timeUnit', 'Time unit', 'Zeiteinheit', 'select', { options: UNITS, required: true }),
];
const BASE_TIME = field('inputs.baseTime', 'Base time', 'Ausgangszeit', 'text', { required: true });
const request = (member: string, en: string, de: string, more: Partial<FieldForm> = {}): FieldForm[] => [
  field(`inputs.${member}.method`, `${en}: method`, `${de}: Methode`, 'select', { options: METHODS, ...more }),
  field(`inputs.${member}.uri`, `${en}: URI`, `${de}: URI`, 'text', more),
  field(`inputs.${member}.headers`, `${en}: headers`, `${de}: Header`, 'map', { advanced: true }),
  field(`inputs.${member}.body`, `${en}: body`, `${de}: Inhalt`, 'value', more.required ? {} : { advanced: true }),
  field(`inputs.${member}.authentication`, `${en}: authentication`, `${de}: Authentifizierung`, 'authentication', { advanced: true }),
];
const WEBHOOK_FIELDS = [...request('subscribe', 'Subscribe', 'Anmelden', { required: true }), ...request('unsubscribe', 'Unsubscribe', 'Abmelden')];
const WEBHOOK_STEP: JsonObject = { inputs: { subscribe: { method: 'POST', uri: '', body: { callbackUrl: '@listCallbackUrl()' } }, unsubscribe: {} } };

const TABLE_FIELDS: readonly FieldForm[] = [
    field('inputs.from', 'From', 'Aus', 'value', { required: true }),
    field('inputs.format', 'Format', 'Format', 'select', { options: ['HTML', 'CSV'] }),
    field('inputs.columns', 'Columns', 'Spalten', 'columns'),
];

export const BUILTINS: readonly Builtin[] = [
  make('trigger', 'Request', ['When a web request is received', 'Wenn eine Web-Anfrage eintrifft'], 'The flow has an address of its own that any service can call.', 'Der Flow hat eine eigene Adresse, die jeder Dienst aufrufen kann.', 'webhook http manual url', 'globe', { kind: 'Http', inputs: { schema: {} } }, REQUEST_FIELDS),
  make('trigger', 'Request', ['Manually trigger a flow', 'Flow von Hand starten'], 'Somebody presses Run now and is asked for what the flow needs.', 'Jemand drückt „Jetzt ausführen“ und wird gefragt, was der Flow braucht.', 'button manual form input instant run now knopf hand eingabe formular sofort', 'child', { kind: 'Button', inputs: { schema: { type: 'object', properties: {}, required: [] } } }, [field('inputs.schema', 'Inputs', 'Eingaben', 'inputs')], 'Request-manual'),
  make('trigger', 'Recurrence', ['Recurrence', 'Wiederholung'], 'Starts again and again, for example every hour.', 'Startet immer wieder, etwa jede Stunde.', 'schedule timer cron', 'clock', { recurrence: { interval: 1, frequency: 'Hour' } }, RECURRENCE_FIELDS),
  make('trigger', 'Http', ['Poll a web address', 'Web-Adresse abfragen'], 'Asks an address regularly and starts when it answers 200.', 'Fragt regelmäßig eine Adresse und startet bei Antwort 200.', 'http polling', 'globe', { inputs: { method: 'GET', uri: '' }, recurrence: { interval: 5, frequency: 'Minute' } }, [...HTTP_FIELDS, ...RECURRENCE_FIELDS], 'Http-trigger'),
  make('trigger', 'SlidingWindow', ['Sliding window', 'Gleitendes Zeitfenster'], 'Starts for each span of time, also for those that were missed.', 'Startet für jeden Zeitraum, auch für versäumte.', 'schedule timer window period zeitraum', 'clock', { recurrence: { interval: 1, frequency: 'Hour' } }, [...RECURRENCE_FIELDS, field('inputs.delay', 'Delay', 'Verzögerung', 'duration', { advanced: true })]),
  make('trigger', 'HttpWebhook', ['HTTP webhook', 'HTTP-Webhook'], 'Signs in at a service, which then calls the flow.', 'Meldet sich bei einem Dienst an, der dann den Flow aufruft.', 'subscribe callback register', 'globe', WEBHOOK_STEP, WEBHOOK_FIELDS, 'HttpWebhook-trigger'),
  make('action', 'OpenApiConnection', ['Send me a mobile notification', 'Mitteilung an mein Telefon senden'], 'Push notification to your devices and the inbox.', 'Push-Mitteilung an Ihre Geräte und den Posteingang.', 'push notification phone mobile message handy nachricht', 'bell', notification('SendNotification', { 'NotificationDefinition/notificationText': '' }), [
    parameter('NotificationDefinition/notificationText', 'Text', 'Text', { required: true }),
    parameter('NotificationDefinition/notificationLink/uri', 'Link', 'Link'),
    parameter('NotificationDefinition/notificationLink/label', 'Link label', 'Text des Links', { advanced: true }),
  ], 'SendNotification'),
  make('action', 'OpenApiConnection', ['Send me an email notification', 'E-Mail an mich senden'], 'An e-mail to you, or to anybody.', 'Eine E-Mail an Sie oder an beliebige Empfänger.', 'mail email notification message send to anybody nachricht senden an', 'mail', notification('SendEmailNotification', { 'NotificationEmailDefinition/notificationSubject': '', 'NotificationEmailDefinition/notificationBody': '' }), [
    parameter('NotificationEmailDefinition/notificationTo', 'To', 'An', { hint: { en: 'Addresses separated by “;”. Empty: your own address.', de: 'Adressen, durch „;“ getrennt. Leer: Ihre eigene.' } }),
    parameter('NotificationEmailDefinition/notificationSubject', 'Subject', 'Betreff', { required: true }),
    parameter('NotificationEmailDefinition/notificationBody', 'Body', 'Inhalt', { required: true }),
  ], 'SendEmailNotification'),
  make('action', 'OpenApiConnectionWebhook', ['Start and wait for an approval', 'Genehmigung einholen und abwarten'], 'Asks people and goes on with their answer.', 'Fragt Menschen und geht mit ihrer Antwort weiter.', APPROVAL_WORDS, 'approval', questionStep('StartAndWaitForAnApproval', 'WebhookApprovalCreationInput'), questionFields('WebhookApprovalCreationInput'), 'StartAndWaitForAnApproval'),
  make('action', 'OpenApiConnection', ['Create an approval', 'Genehmigung anlegen'], 'Asks people and goes on; “Wait for an approval” waits for their answer.', 'Fragt Menschen und geht weiter; „Auf Genehmigung warten“ wartet auf ihre Antwort.', APPROVAL_WORDS, 'approval', questionStep('CreateAnApproval', 'ApprovalCreationInput'), questionFields('ApprovalCreationInput'), 'CreateAnApproval'),
  make('action', 'OpenApiConnectionWebhook', ['Wait for an approval', 'Auf Genehmigung warten'], 'Waits for the answer to what “Create an approval” asked.', 'Wartet auf die Antwort auf das, was „Genehmigung anlegen“ gefragt hat.', APPROVAL_WORDS, 'approval', approvals('WaitForAnApproval', { approvalName: '' }), [
    parameter('approvalName', 'Approval ID', 'Kennung der Genehmigung', { required: true }),
  ], 'WaitForAnApproval'),
  make('action', 'If', ['Condition', 'Bedingung'], 'Two branches: if yes, if no.', 'Zwei Zweige: wenn ja, wenn nein.', 'if else branch decision wenn falls entscheidung', 'branch', { expression: { and: [{ equals: ['', ''] }] }, actions: {}, else: { actions: {} } }, [field('expression', 'Condition', 'Bedingung', 'condition', { required: true })]),
  make('action', 'Foreach', ['Apply to each', 'Auf alle anwenden'], 'Does its actions for every item of an array.', 'Führt seine Aktionen für jedes Element einer Liste aus.', 'loop for each iterate schleife jedes', 'loop', { foreach: '', actions: {} }, [field('foreach', 'Select an output', 'Ausgabe wählen', 'value', { required: true })]),
  make('action', 'Switch', ['Switch', 'Verzweigung'], 'One of several branches, chosen by a value.', 'Einer von mehreren Zweigen, nach einem Wert.', 'case select branch fall auswahl', 'branch', { expression: '', cases: { Case: { case: '', actions: {} } }, default: { actions: {} } }, [field('expression', 'On', 'Nach', 'value', { required: true })]),
  make('action', 'Scope', ['Scope', 'Bereich'], 'Holds actions together, so that a failure can be handled for all.', 'Fasst Aktionen zusammen, um Fehler gemeinsam zu behandeln.', 'group try catch error gruppe fehler', 'box', { actions: {} }, []),
  make('action', 'Until', ['Do until', 'Wiederholen bis'], 'Repeats its actions until something is true.', 'Wiederholt seine Aktionen, bis etwas wahr ist.', 'loop while repeat schleife', 'loop', { expression: '', limit: { count: 60, timeout: 'PT1H' }, actions: {} }, [
    field('expression', 'Until', 'Bis', 'condition', { required: true }),
    field('limit.count', 'Maximum repetitions', 'Höchste Anzahl', 'value', { advanced: true }),
    field('limit.timeout', 'Maximum time', 'Höchste Dauer', 'duration', { advanced: true }),
  ]),
  make('action', 'Http', ['HTTP', 'HTTP'], 'Sends a web request.', 'Sendet eine Web-Anfrage.', 'webhook call api request rest get post aufruf', 'globe', { inputs: { method: 'GET', uri: '' } }, HTTP_FIELDS),
  make('action', 'Response', ['Response', 'Antwort'], 'Answers the web request that started the flow.', 'Beantwortet die Anfrage, die den Flow gestartet hat.', 'answer http reply return webhook', 'reply', { kind: 'Http', inputs: { statusCode: 200, body: '' } }, [
    field('inputs.statusCode', 'Status code', 'Statuscode', 'value', { required: true }),
    field('inputs.headers', 'Headers', 'Header', 'map', { advanced: true }),
    field('inputs.body', 'Body', 'Inhalt', 'value'),
    field('inputs.schema', 'Response body schema', 'Schema der Antwort', 'schema', { advanced: true }),
  ]),
  make('action', 'Compose', ['Compose', 'Wert bilden'], 'Makes a value that later actions can use.', 'Bildet einen Wert, den spätere Aktionen verwenden.', 'data value variable constant text', 'data', { inputs: '' }, [field('inputs', 'Inputs', 'Eingaben', 'value', { required: true })]),
  make('action', 'ParseJson', ['Parse JSON', 'JSON lesen'], 'Reads JSON, so that its fields become dynamic content.', 'Liest JSON, damit seine Felder dynamische Inhalte werden.', 'data schema object lesen', 'data', { inputs: { content: '', schema: {} } }, [
    field('inputs.content', 'Content', 'Inhalt', 'value', { required: true }),
    field('inputs.schema', 'Schema', 'Schema', 'schema', { required: true }),
  ]),
  make('action', 'InitializeVariable', ['Initialize variable', 'Variable anlegen'], 'Declares a variable.', 'Legt eine Variable an.', 'variable', 'variable', { inputs: { variables: [{ name: '', type: 'string' }] } }, [
    field('inputs.variables.0.name', 'Name', 'Name', 'text', { required: true }),
    field('inputs.variables.0.type', 'Type', 'Typ', 'select', { options: VARIABLE_TYPES, required: true }),
    field('inputs.variables.0.value', 'Value', 'Wert', 'variableValue'),
  ]),
  make('action', 'SetVariable', ['Set variable', 'Variable setzen'], 'Gives a variable another value.', 'Gibt einer Variablen einen anderen Wert.', 'variable', 'variable', { inputs: { name: '', value: '' } }, VARIABLE_FIELDS),
  make('action', 'IncrementVariable', ['Increment variable', 'Variable erhöhen'], 'Adds to a number.', 'Zählt zu einer Zahl dazu.', 'variable count', 'variable', { inputs: { name: '', value: 1 } }, VARIABLE_FIELDS),
  make('action', 'DecrementVariable', ['Decrement variable', 'Variable verringern'], 'Subtracts from a number.', 'Zieht von einer Zahl ab.', 'variable count', 'variable', { inputs: { name: '', value: 1 } }, VARIABLE_FIELDS),
  make('action', 'AppendToArrayVariable', ['Append to array variable', 'An Listenvariable anhängen'], 'Adds an item to a list.', 'Hängt ein Element an eine Liste.', 'variable list', 'variable', { inputs: { name: '', value: '' } }, VARIABLE_FIELDS),
  make('action', 'AppendToStringVariable', ['Append to string variable', 'An Textvariable anhängen'], 'Adds text to a text.', 'Hängt Text an einen Text.', 'variable text', 'variable', { inputs: { name: '', value: '' } }, VARIABLE_FIELDS),
  make('action', 'Query', ['Filter array', 'Liste filtern'], 'Keeps the items for which something is true.', 'Behält die Elemente, für die etwas wahr ist.', 'data filter where list suchen', 'data', { inputs: { from: '', where: '' } }, [
    field('inputs.from', 'From', 'Aus', 'value', { required: true }),
    field('inputs.where', 'Where', 'Wo', 'condition', { required: true }),
  ]),
  make('action', 'Select', ['Select', 'Elemente umformen'], 'Makes each item of a list into something else.', 'Formt jedes Element einer Liste um.', 'data map transform list columns', 'data', { inputs: { from: '', select: {} } }, [
    field('inputs.from', 'From', 'Aus', 'value', { required: true }),
    field('inputs.select', 'Map', 'Abbildung', 'selectMap', { required: true }),
  ]),
  make('action', 'Join', ['Join', 'Liste verbinden'], 'One text out of a list.', 'Ein Text aus einer Liste.', 'data text concatenate list', 'data', { inputs: { from: '', joinWith: ', ' } }, [
    field('inputs.from', 'From', 'Aus', 'value', { required: true }),
    field('inputs.joinWith', 'Join with', 'Verbinden mit', 'text', { required: true }),
  ]),
  make('action', 'Table', ['Create HTML table', 'HTML-Tabelle erstellen'], 'An HTML table out of a list, for example for a mail.', 'Eine HTML-Tabelle aus einer Liste, etwa für eine E-Mail.', 'create table data html report tabelle', 'data', { inputs: { from: '', format: 'HTML' } }, TABLE_FIELDS),
  make('action', 'Table', ['Create CSV table', 'CSV-Tabelle erstellen'], 'A CSV table out of a list, for example for a file.', 'Eine CSV-Tabelle aus einer Liste, etwa für eine Datei.', 'create table data csv report tabelle', 'data', { inputs: { from: '', format: 'CSV' } }, TABLE_FIELDS, 'Table-csv'),
  make('action', 'Wait', ['Delay', 'Warten'], 'Waits for some time.', 'Wartet eine Weile.', 'wait sleep pause warten', 'clock', { inputs: { interval: { count: 1, unit: 'Minute' } } }, [
    field('inputs.interval.count', 'Count', 'Anzahl', 'value', { required: true }),
    field('inputs.interval.unit', 'Unit', 'Einheit', 'select', { options: DELAY_UNITS, required: true }),
  ]),
  make('action', 'Wait', ['Delay until', 'Warten bis'], 'Waits until a time.', 'Wartet bis zu einem Zeitpunkt.', 'wait time', 'clock', { inputs: { until: { timestamp: '' } } }, [field('inputs.until.timestamp', 'Timestamp', 'Zeitpunkt', 'text', { required: true })], 'Wait-until'),
  make('action', 'Terminate', ['Terminate', 'Lauf beenden'], 'Ends the run.', 'Beendet den Lauf.', 'stop end cancel fail abort ende abbrechen', 'stop', { inputs: { runStatus: 'Failed', runError: { code: '', message: '' } } }, [
    field('inputs.runStatus', 'Status', 'Status', 'select', { options: ['Succeeded', 'Failed', 'Cancelled'], required: true }),
    field('inputs.runError.code', 'Code', 'Code', 'text'),
    field('inputs.runError.message', 'Message', 'Meldung', 'text'),
  ]),
  make('action', 'Expression', ['Current time', 'Aktuelle Zeit'], 'The time of now, in UTC.', 'Die Zeit von jetzt, in UTC.', 'date now today datum heute utcnow', 'clock', { kind: 'CurrentTime', inputs: {} }, [], 'CurrentTime'),
  make('action', 'Expression', ['Add to time', 'Zu Zeit hinzufügen'], 'A time some hours or days later.', 'Eine Zeit einige Stunden oder Tage später.', 'date later plus datum später', 'clock', { kind: 'AddToTime', inputs: { baseTime: '', interval: 1, timeUnit: 'Day' } }, [BASE_TIME, ...INTERVAL_FIELDS], 'AddToTime'),
  make('action', 'Expression', ['Subtract from time', 'Von Zeit abziehen'], 'A time some hours or days earlier.', 'Eine Zeit einige Stunden oder Tage früher.', 'date earlier minus datum früher', 'clock', { kind: 'SubtractFromTime', inputs: { baseTime: '', interval: 1, timeUnit: 'Day' } }, [BASE_TIME, ...INTERVAL_FIELDS], 'SubtractFromTime'),
  make('action', 'Expression', ['Get future time', 'Künftige Zeit'], 'The time of now and some hours or days.', 'Die Zeit in einigen Stunden oder Tagen.', 'date later in datum später', 'clock', { kind: 'GetFutureTime', inputs: { interval: 1, timeUnit: 'Day' } }, INTERVAL_FIELDS, 'GetFutureTime'),
  make('action', 'Expression', ['Get past time', 'Vergangene Zeit'], 'The time some hours or days ago.', 'Die Zeit vor einigen Stunden oder Tagen.', 'date ago earlier datum früher vor', 'clock', { kind: 'GetPastTime', inputs: { interval: 1, timeUnit: 'Day' } }, INTERVAL_FIELDS, 'GetPastTime'),
  make('action', 'Expression', ['Convert time zone', 'Zeitzone umrechnen'], 'Gives a time in another time zone.', 'Gibt eine Zeit in einer anderen Zeitzone.', 'date time format datum', 'clock', { kind: 'ConvertTimeZone', inputs: { baseTime: '', sourceTimeZone: 'UTC', destinationTimeZone: 'UTC', formatString: 'o' } }, [
    BASE_TIME,
    field('inputs.formatString', 'Format', 'Format', 'text'),
    field('inputs.sourceTimeZone', 'Source time zone', 'Ausgangszeitzone', 'timeZone', { required: true }),
    field('inputs.destinationTimeZone', 'Destination time zone', 'Zielzeitzone', 'timeZone', { required: true }),
  ], 'ConvertTimeZone'),
  make('action', 'Expression', ['Format number', 'Zahl formatieren'], 'A number as text, for example with a currency.', 'Eine Zahl als Text, etwa mit Währung.', 'currency decimal euro money währung', 'text', { kind: 'FormatNumber', inputs: { number: '', format: 'N2' } }, [
    field('inputs.number', 'Number', 'Zahl', 'numeric', { required: true }),
    field('inputs.format', 'Format', 'Format', 'text', { required: true }),
    field('inputs.locale', 'Locale', 'Gebietsschema', 'text'),
  ], 'FormatNumber'),
  make('action', 'Expression', ['Find text position', 'Textposition finden'], 'Where a text stands in another one.', 'Wo ein Text in einem anderen steht.', 'indexof search suchen', 'text', { kind: 'IndexOf', inputs: { text: '', searchText: '' } }, [
    field('inputs.text', 'Text', 'Text', 'text', { required: true }),
    field('inputs.searchText', 'Search text', 'Suchtext', 'text', { required: true }),
  ], 'IndexOf'),
  make('action', 'Expression', ['Substring', 'Textausschnitt'], 'A part of a text.', 'Ein Teil eines Textes.', 'cut left right mid ausschneiden teil', 'text', { kind: 'Substring', inputs: { text: '', startIndex: 0 } }, [
    field('inputs.text', 'Text', 'Text', 'text', { required: true }),
    field('inputs.startIndex', 'Starting position', 'Startposition', 'numeric', { required: true }),
    field('inputs.length', 'Length', 'Länge', 'numeric'),
  ], 'Substring'),
  make('action', 'Workflow', ['Run a child flow', 'Untergeordneten Flow ausführen'], 'Runs another flow and waits for its answer.', 'Führt einen anderen Flow aus und wartet auf seine Antwort.', 'subflow nested call reuse unterflow aufrufen', 'child', { inputs: { host: { workflowReferenceName: '' }, body: {} } }, [
    field('inputs.host.workflowReferenceName', 'Child flow', 'Untergeordneter Flow', 'flow', { required: true }),
    field('inputs.body', 'Body', 'Inhalt', 'value'),
    field('inputs.headers', 'Headers', 'Header', 'map', { advanced: true }),
  ]),
  make('action', 'HttpWebhook', ['HTTP webhook', 'HTTP-Webhook'], 'Tells a service where to answer, and waits until it does.', 'Nennt einem Dienst eine Antwortadresse und wartet, bis er antwortet.', 'callback wait approval subscribe rückruf', 'globe', WEBHOOK_STEP, WEBHOOK_FIELDS, 'HttpWebhook-action'),
  make('action', 'JavaScriptCode', ['Execute JavaScript code', 'JavaScript-Code ausführen'], 'A script that makes a value out of earlier steps.', 'Ein Skript, das aus früheren Schritten einen Wert macht.', 'script inline code function programmieren', 'code', { inputs: { code: 'return workflowContext.trigger.outputs.body;' } }, [
    field('inputs.code', 'Code', 'Code', 'code', { required: true }),
    field('inputs.explicitDependencies', 'Steps it reads', 'Schritte, die es liest', 'json', { advanced: true }),
  ]),
];

const PATH_FIELDS = [
  field('inputs.method', 'Method', 'Methode', 'select', { options: METHODS.map((method) => method.toLowerCase()) }),
  field('inputs.path', 'Path', 'Pfad', 'text'),
  field('inputs.queries', 'Queries', 'Query-Parameter', 'map'),
  field('inputs.headers', 'Headers', 'Header', 'map', { advanced: true }),
  field('inputs.body', 'Body', 'Inhalt', 'value'),
];
const pathCall = (kind: Builtin['kind'], type: string, fields: readonly FieldForm[]): Builtin =>
  make(kind, type, ['Connector request', 'Konnektor-Anfrage'], 'Calls a connector by method and path, as Logic Apps writes it.', 'Ruft einen Konnektor mit Methode und Pfad auf, wie Logic Apps es schreibt.', '', 'plug', {}, fields, `${type}-${kind}`);
/** Calls of a connector by path. They are imported, not searched for: whoever makes a flow here chooses an operation. */
const PATH_CALLS: readonly Builtin[] = [
  pathCall('action', 'ApiConnection', PATH_FIELDS),
  pathCall('action', 'ApiConnectionWebhook', PATH_FIELDS),
  pathCall('trigger', 'ApiConnection', [...PATH_FIELDS, ...RECURRENCE_FIELDS]),
  pathCall('trigger', 'ApiConnectionWebhook', PATH_FIELDS),
];

/** The built-in that a step of a definition is, if it is one. */
export function builtinOf(step: JsonObject, kind: Builtin['kind']): Builtin | null {
  if (pathCallOf(step)) return PATH_CALLS.find((item) => item.kind === kind && item.type === typeOf(step)) ?? null;
  const operation = (step['inputs'] as { host?: { operationId?: Json; apiId?: Json } } | undefined)?.host;
  if (operation && typeof operation === 'object') {
    return typeof operation.apiId === 'string' && isOwnApi(operation.apiId.split('/').pop() ?? '') ? (BUILTINS.find((item) => isSameName(item.id, String(operation.operationId))) ?? null) : null;
  }
  const type = typeOf(step);
  const same = BUILTINS.filter((item) => item.kind === kind && item.type === type && hasForm(item, step));
  if (type === 'Expression') return same.find((item) => isSameName(item.id, String(step['kind'] ?? ''))) ?? null;
  if (type === 'Table') return same.find((item) => (item.id === 'Table-csv') === (isObject(step['inputs']) && isSameName('CSV', String(step['inputs']['format'] ?? '')))) ?? null;
  // Both have an address; only one asks people.
  if (kind === 'trigger' && type === 'Request') return same.find((item) => (item.id === 'Request-manual') === isSameName('Button', String(step['kind'] ?? ''))) ?? null;
  const inputs = step['inputs'];
  const isUntil = isObject(inputs) && 'until' in inputs;
  return (type === 'Wait' ? same.find((item) => (item.id === 'Wait-until') === isUntil) : same[0]) ?? null;
}

/** What was imported may have inputs that no form fits, such as one expression for all of them. */
function hasForm(builtin: Builtin, step: JsonObject): boolean {
  const inputs = step['inputs'];
  return inputs === undefined || isObject(inputs) || !builtin.fields.some((form) => form.path[0] === 'inputs' && form.path.length > 1);
}
