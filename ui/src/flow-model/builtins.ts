/** Built-in triggers and actions: what a new one is made of, and the fields of its form. */
import type { Json, JsonObject } from './definition';

export interface FieldForm {
  /** Member names from the step down. */
  path: readonly string[];
  label: { en: string; de: string };
  /** `text` holds text with tokens; `value` any value, an expression keeps its type; `json` structured data; `map` names with texts, `selectMap` with any values. */
  kind: 'text' | 'value' | 'json' | 'map' | 'selectMap' | 'select' | 'number' | 'boolean' | 'condition' | 'schema' | 'recurrence' | 'authentication' | 'columns' | 'timeZone' | 'variable' | 'variableValue' | 'duration';
  options?: readonly string[];
  required?: boolean;
  advanced?: boolean;
}

export interface Builtin {
  id: string;
  kind: 'trigger' | 'action';
  /** Definition type. */
  type: string;
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
const TYPES = ['string', 'integer', 'float', 'boolean', 'array', 'object'];

const notification = (operation: string, parameters: JsonObject): JsonObject => ({
  type: 'OpenApiConnection',
  inputs: { host: { apiId: '/providers/Microsoft.PowerApps/apis/shared_flowpush', connectionName: 'shared_flowpush', operationId: operation }, parameters },
});
/** Parameter keys have slashes, so these paths cannot be written with dots. */
const parameter = (key: string, en: string, de: string, more: Partial<FieldForm> = {}): FieldForm => ({ path: ['inputs', 'parameters', key], label: { en, de }, kind: 'text', ...more });

const make = (kind: Builtin['kind'], type: string, title: readonly [en: string, de: string], en: string, de: string, keywords: string, icon: string, step: JsonObject, fields: readonly FieldForm[], id = type): Builtin => ({
  id, kind, type, title: { en: title[0], de: title[1] }, description: { en, de }, keywords, icon, step: { type, ...step }, fields,
});

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
const TIME_FIELDS = [
  field('inputs.baseTime', 'Base time', 'Ausgangszeit', 'text', { required: true }),
  field('inputs.formatString', 'Format', 'Format', 'text'),
];

export const BUILTINS: readonly Builtin[] = [
  make('trigger', 'Request', ['When a web request is received', 'Wenn eine Web-Anfrage eintrifft'], 'The flow has an address of its own that any service can call.', 'Der Flow hat eine eigene Adresse, die jeder Dienst aufrufen kann.', 'webhook http manual url', 'globe', { kind: 'Http', inputs: { schema: {} } }, REQUEST_FIELDS),
  make('trigger', 'Recurrence', ['Recurrence', 'Wiederholung'], 'Starts again and again, for example every hour.', 'Startet immer wieder, etwa jede Stunde.', 'schedule timer cron', 'clock', { recurrence: { interval: 1, frequency: 'Hour' } }, RECURRENCE_FIELDS),
  make('trigger', 'Http', ['Poll a web address', 'Web-Adresse abfragen'], 'Asks an address regularly and starts when it answers 200.', 'Fragt regelmäßig eine Adresse und startet bei Antwort 200.', 'http polling', 'globe', { inputs: { method: 'GET', uri: '' }, recurrence: { interval: 5, frequency: 'Minute' } }, [...HTTP_FIELDS, ...RECURRENCE_FIELDS], 'Http-trigger'),
  make('action', 'OpenApiConnection', ['Send me a mobile notification', 'Mitteilung an mein Telefon senden'], 'Push notification to your devices and the inbox.', 'Push-Mitteilung an Ihre Geräte und den Posteingang.', 'push notification phone mobile', 'bell', notification('SendNotification', { 'NotificationDefinition/notificationText': '' }), [
    parameter('NotificationDefinition/notificationText', 'Text', 'Text', { required: true }),
    parameter('NotificationDefinition/notificationLink/uri', 'Link', 'Link'),
    parameter('NotificationDefinition/notificationLink/label', 'Link label', 'Text des Links', { advanced: true }),
  ], 'SendNotification'),
  make('action', 'OpenApiConnection', ['Send me an email notification', 'E-Mail an mich senden'], 'An e-mail to your own address.', 'Eine E-Mail an Ihre eigene Adresse.', 'mail email notification', 'mail', notification('SendEmailNotification', { 'NotificationEmailDefinition/notificationSubject': '', 'NotificationEmailDefinition/notificationBody': '' }), [
    parameter('NotificationEmailDefinition/notificationSubject', 'Subject', 'Betreff', { required: true }),
    parameter('NotificationEmailDefinition/notificationBody', 'Body', 'Inhalt', { required: true }),
  ], 'SendEmailNotification'),
  make('action', 'If', ['Condition', 'Bedingung'], 'Two branches: if yes, if no.', 'Zwei Zweige: wenn ja, wenn nein.', 'if else branch control', 'branch', { expression: { and: [{ equals: ['', ''] }] }, actions: {}, else: { actions: {} } }, [field('expression', 'Condition', 'Bedingung', 'condition', { required: true })]),
  make('action', 'Foreach', ['Apply to each', 'Auf alle anwenden'], 'Does its actions for every item of an array.', 'Führt seine Aktionen für jedes Element einer Liste aus.', 'loop for each control', 'loop', { foreach: '', actions: {} }, [field('foreach', 'Select an output', 'Ausgabe wählen', 'value', { required: true })]),
  make('action', 'Switch', ['Switch', 'Verzweigung'], 'One of several branches, chosen by a value.', 'Einer von mehreren Zweigen, nach einem Wert.', 'case branch control', 'branch', { expression: '', cases: { Case: { case: '', actions: {} } }, default: { actions: {} } }, [field('expression', 'On', 'Nach', 'value', { required: true })]),
  make('action', 'Scope', ['Scope', 'Bereich'], 'Holds actions together, so that a failure can be handled for all.', 'Fasst Aktionen zusammen, um Fehler gemeinsam zu behandeln.', 'group try catch control', 'box', { actions: {} }, []),
  make('action', 'Until', ['Do until', 'Wiederholen bis'], 'Repeats its actions until something is true.', 'Wiederholt seine Aktionen, bis etwas wahr ist.', 'loop while control', 'loop', { expression: '', limit: { count: 60, timeout: 'PT1H' }, actions: {} }, [
    field('expression', 'Until', 'Bis', 'condition', { required: true }),
    field('limit.count', 'Maximum repetitions', 'Höchste Anzahl', 'value', { advanced: true }),
    field('limit.timeout', 'Maximum time', 'Höchste Dauer', 'duration', { advanced: true }),
  ]),
  make('action', 'Http', ['HTTP', 'HTTP'], 'Sends a web request.', 'Sendet eine Web-Anfrage.', 'request rest get post', 'globe', { inputs: { method: 'GET', uri: '' } }, HTTP_FIELDS),
  make('action', 'Response', ['Response', 'Antwort'], 'Answers the web request that started the flow.', 'Beantwortet die Anfrage, die den Flow gestartet hat.', 'answer http reply', 'reply', { kind: 'Http', inputs: { statusCode: 200, body: '' } }, [
    field('inputs.statusCode', 'Status code', 'Statuscode', 'value', { required: true }),
    field('inputs.headers', 'Headers', 'Header', 'map', { advanced: true }),
    field('inputs.body', 'Body', 'Inhalt', 'value'),
    field('inputs.schema', 'Response body schema', 'Schema der Antwort', 'schema', { advanced: true }),
  ]),
  make('action', 'Compose', ['Compose', 'Wert bilden'], 'Makes a value that later actions can use.', 'Bildet einen Wert, den spätere Aktionen verwenden.', 'data value', 'data', { inputs: '' }, [field('inputs', 'Inputs', 'Eingaben', 'value', { required: true })]),
  make('action', 'ParseJson', ['Parse JSON', 'JSON lesen'], 'Reads JSON, so that its fields become dynamic content.', 'Liest JSON, damit seine Felder dynamische Inhalte werden.', 'data schema', 'data', { inputs: { content: '', schema: {} } }, [
    field('inputs.content', 'Content', 'Inhalt', 'value', { required: true }),
    field('inputs.schema', 'Schema', 'Schema', 'schema', { required: true }),
  ]),
  make('action', 'InitializeVariable', ['Initialize variable', 'Variable anlegen'], 'Declares a variable.', 'Legt eine Variable an.', 'variable', 'variable', { inputs: { variables: [{ name: '', type: 'string' }] } }, [
    field('inputs.variables.0.name', 'Name', 'Name', 'text', { required: true }),
    field('inputs.variables.0.type', 'Type', 'Typ', 'select', { options: TYPES, required: true }),
    field('inputs.variables.0.value', 'Value', 'Wert', 'variableValue'),
  ]),
  make('action', 'SetVariable', ['Set variable', 'Variable setzen'], 'Gives a variable another value.', 'Gibt einer Variablen einen anderen Wert.', 'variable', 'variable', { inputs: { name: '', value: '' } }, VARIABLE_FIELDS),
  make('action', 'IncrementVariable', ['Increment variable', 'Variable erhöhen'], 'Adds to a number.', 'Zählt zu einer Zahl dazu.', 'variable count', 'variable', { inputs: { name: '', value: 1 } }, VARIABLE_FIELDS),
  make('action', 'DecrementVariable', ['Decrement variable', 'Variable verringern'], 'Subtracts from a number.', 'Zieht von einer Zahl ab.', 'variable count', 'variable', { inputs: { name: '', value: 1 } }, VARIABLE_FIELDS),
  make('action', 'AppendToArrayVariable', ['Append to array variable', 'An Listenvariable anhängen'], 'Adds an item to a list.', 'Hängt ein Element an eine Liste.', 'variable list', 'variable', { inputs: { name: '', value: '' } }, VARIABLE_FIELDS),
  make('action', 'AppendToStringVariable', ['Append to string variable', 'An Textvariable anhängen'], 'Adds text to a text.', 'Hängt Text an einen Text.', 'variable text', 'variable', { inputs: { name: '', value: '' } }, VARIABLE_FIELDS),
  make('action', 'Query', ['Filter array', 'Liste filtern'], 'Keeps the items for which something is true.', 'Behält die Elemente, für die etwas wahr ist.', 'data filter list', 'data', { inputs: { from: '', where: '' } }, [
    field('inputs.from', 'From', 'Aus', 'value', { required: true }),
    field('inputs.where', 'Where', 'Wo', 'condition', { required: true }),
  ]),
  make('action', 'Select', ['Select', 'Elemente umformen'], 'Makes each item of a list into something else.', 'Formt jedes Element einer Liste um.', 'data map list', 'data', { inputs: { from: '', select: {} } }, [
    field('inputs.from', 'From', 'Aus', 'value', { required: true }),
    field('inputs.select', 'Map', 'Abbildung', 'selectMap', { required: true }),
  ]),
  make('action', 'Join', ['Join', 'Liste verbinden'], 'One text out of a list.', 'Ein Text aus einer Liste.', 'data text list', 'data', { inputs: { from: '', joinWith: ', ' } }, [
    field('inputs.from', 'From', 'Aus', 'value', { required: true }),
    field('inputs.joinWith', 'Join with', 'Verbinden mit', 'text', { required: true }),
  ]),
  make('action', 'Table', ['Create table', 'Tabelle erstellen'], 'A CSV or HTML table out of a list.', 'Eine CSV- oder HTML-Tabelle aus einer Liste.', 'data csv html', 'data', { inputs: { from: '', format: 'HTML' } }, [
    field('inputs.from', 'From', 'Aus', 'value', { required: true }),
    field('inputs.format', 'Format', 'Format', 'select', { options: ['HTML', 'CSV'] }),
    field('inputs.columns', 'Columns', 'Spalten', 'columns'),
  ]),
  make('action', 'Wait', ['Delay', 'Warten'], 'Waits for some time.', 'Wartet eine Weile.', 'wait sleep pause', 'clock', { inputs: { interval: { count: 1, unit: 'Minute' } } }, [
    field('inputs.interval.count', 'Count', 'Anzahl', 'value', { required: true }),
    field('inputs.interval.unit', 'Unit', 'Einheit', 'select', { options: UNITS, required: true }),
  ]),
  make('action', 'Wait', ['Delay until', 'Warten bis'], 'Waits until a time.', 'Wartet bis zu einem Zeitpunkt.', 'wait time', 'clock', { inputs: { until: { timestamp: '' } } }, [field('inputs.until.timestamp', 'Timestamp', 'Zeitpunkt', 'text', { required: true })], 'Wait-until'),
  make('action', 'Terminate', ['Terminate', 'Lauf beenden'], 'Ends the run.', 'Beendet den Lauf.', 'stop end control', 'stop', { inputs: { runStatus: 'Failed', runError: { code: '', message: '' } } }, [
    field('inputs.runStatus', 'Status', 'Status', 'select', { options: ['Succeeded', 'Failed', 'Cancelled'], required: true }),
    field('inputs.runError.code', 'Code', 'Code', 'text'),
    field('inputs.runError.message', 'Message', 'Meldung', 'text'),
  ]),
  make('action', 'Expression', ['Convert time zone', 'Zeitzone umrechnen'], 'Gives a time in another time zone.', 'Gibt eine Zeit in einer anderen Zeitzone.', 'date time', 'clock', { kind: 'ConvertTimeZone', inputs: { baseTime: '', sourceTimeZone: 'UTC', destinationTimeZone: 'UTC', formatString: 'o' } }, [
    ...TIME_FIELDS,
    field('inputs.sourceTimeZone', 'Source time zone', 'Ausgangszeitzone', 'timeZone', { required: true }),
    field('inputs.destinationTimeZone', 'Destination time zone', 'Zielzeitzone', 'timeZone', { required: true }),
  ], 'ConvertTimeZone'),
];

/** The built-in that a step of a definition is, if it is one. */
export function builtinOf(step: JsonObject, kind: Builtin['kind']): Builtin | null {
  const operation = (step['inputs'] as { host?: { operationId?: Json; apiId?: Json } } | undefined)?.host;
  if (operation && typeof operation === 'object') {
    return typeof operation.apiId === 'string' && operation.apiId.endsWith('shared_flowpush') ? (BUILTINS.find((item) => item.id === operation.operationId) ?? null) : null;
  }
  const same = BUILTINS.filter((item) => item.kind === kind && item.type.toLowerCase() === String(step['type'] ?? '').toLowerCase());
  if (same.length > 1) {
    const inputs = step['inputs'];
    const isUntil = typeof inputs === 'object' && inputs !== null && 'until' in inputs;
    return same.find((item) => (item.id === 'Wait-until') === isUntil) ?? same[0] ?? null;
  }
  return same[0] ?? null;
}
