/** Why something failed and what to try, in the reader's language. The server speaks English; its codes and forms are known here. */
import type { RunError } from '../api/types';
import type { Language } from './language';

/** Codes that say no more than their message. */
const PLAIN = new Set(['NotSpecified', 'ActionFailed']);

/** A code worth reading beside the message. */
export const codeOf = (code: string | null | undefined): string | null => (code && !PLAIN.has(code) ? code : null);

/** What to try after the engine's own failures. */
const BY_CODE: { [code: string]: string } = {
  InvalidTemplate: 'Sehen Sie die Ausgaben an, die der Ausdruck liest: Dort fehlt vielleicht ein Wert. Namen, die fehlen dürfen, liest man mit ?[\'name\'].',
  ExpressionEvaluationFailed: 'Sehen Sie die Ausgaben an, die der Ausdruck liest: Dort fehlt vielleicht ein Wert. Namen, die fehlen dürfen, liest man mit ?[\'name\'].',
  ActionFailed: 'Sehen Sie die Aktionen darin an: Die erste fehlgeschlagene nennt den Grund.',
  ActionTimedOut: 'Die Aktion dauerte länger, als sie darf. Geben Sie ihr in den Einstellungen mehr Zeit, oder fragen Sie weniger ab.',
  WorkflowRunTimedOut: 'Der Lauf dauerte länger, als Läufe dürfen. Was lange wartet, gehört in einen eigenen Flow.',
  ActionResultsSizeLimitExceeded: 'Fragen Sie weniger auf einmal ab, mit Seiten oder Filtern, oder lassen Sie die Grenze vom Betreiber erhöhen.',
  VariableSizeLimitExceeded: 'Fragen Sie weniger auf einmal ab, mit Seiten oder Filtern, oder lassen Sie die Grenze vom Betreiber erhöhen.',
  WorkflowRunActionRepetitionQuotaExceeded: 'Filtern Sie die Liste vor der Schleife, oder verteilen Sie sie auf mehrere Läufe.',
  WorkflowRunActionUntilLimitInvalid: 'Prüfen Sie die Bedingung der Schleife, oder erhöhen Sie ihre Anzahl.',
  GatewayTimeout: 'Der Dienst antwortete nicht rechtzeitig. Setzen Sie den Lauf fort, wenn es ihm wieder gut geht, oder lassen Sie ihn später antworten (202 und Location).',
  RequestTimeout: 'Der Dienst antwortete nicht rechtzeitig. Setzen Sie den Lauf fort, wenn es ihm wieder gut geht, oder lassen Sie ihn später antworten (202 und Location).',
  WorkflowNotFound: 'Der aufgerufene Flow ist gelöscht oder umbenannt. Wählen Sie ihn in der Aktion neu.',
  ApiOperationNotFound: 'Der Konnektor hat diesen Vorgang nicht mehr. Wählen Sie in der Aktion einen anderen.',
  InlineScriptFailed: 'Die Meldung stammt vom Skript. Probieren Sie es mit den Eingaben, die hier stehen.',
  MailNotSent: 'Prüfen Sie den Mailserver unter Einstellungen → Server.',
};

/** What to try after a service's answer, by its status. */
function byStatus(status: number): string | undefined {
  if (status === 400 || status === 422) return 'Die Antwort sagt, was der Dienst nicht annahm. Vergleichen Sie sie mit den Eingaben, und ändern Sie die Aktion.';
  if (status === 401) return 'Der Dienst kennt die Zugangsdaten nicht. Reparieren Sie die Verbindung, und setzen Sie dann den Lauf fort.';
  if (status === 403) return 'Die Zugangsdaten sind bekannt, dürfen das aber nicht. Prüfen Sie die Rechte von Konto oder Token, und setzen Sie dann den Lauf fort.';
  if (status === 404 || status === 410) return 'Prüfen Sie die Adresse und die Namen darin. Manche Dienste antworten 404, wenn das Konto nicht sehen darf, was dort ist.';
  if (status === 405) return 'Die Adresse nimmt andere Methoden. Prüfen Sie Methode und Adresse.';
  if (status === 408 || status === 425 || status === 429) return 'Der Dienst bittet um Geduld. Längere Abstände zwischen den Versuchen oder weniger Läufe zugleich helfen; setzen Sie dann den Lauf fort.';
  if (status === 409 || status === 412) return 'Was geändert werden sollte, ist in einem anderen Zustand, als die Aktion erwartet. Die Antwort sagt, in welchem.';
  if (status === 413) return 'So große Eingaben nimmt der Dienst nicht. Senden Sie weniger, oder in Teilen.';
  if (status >= 500) return 'Der Fehler liegt beim Dienst. Setzen Sie den Lauf fort, wenn es ihm wieder gut geht; mehr Versuche helfen über kurze Ausfälle hinweg.';
  return undefined;
}

const ANSWERED = /^The service answered (\d{3})([^.]*?)( to \S+ \S+?)?(?: \(attempt (\d+)\))?\.( It says: [\s\S]*)?$/;

/** Why it failed in a few words, for a card: what the service itself said comes first. */
export function inShort(error: RunError, language: Language): string {
  const answered = ANSWERED.exec(error.message);
  return answered ? `${answered[1]}${answered[5] ? ` ${answered[5].replace(' It says: ', '')}` : (answered[2] ?? '')}` : inLanguage(error, language).message;
}

/** The error as it is shown: message and advice in the language, and no advice in another one. */
export function inLanguage(error: RunError, language: Language): { message: string; hint: string | null } {
  if (language === 'en') return { message: error.message, hint: error.hint ?? null };
  const answered = ANSWERED.exec(error.message);
  const status = Number(answered?.[1] ?? /failed: (\d{3})\b/.exec(error.message)?.[1] ?? 0);
  const message = answered
    ? `Der Dienst antwortete ${answered[1]}${answered[2] ?? ''}${(answered[3] ?? '').replace(/^ to /, ' auf ')}${answered[4] ? ` (Versuch ${answered[4]})` : ''}.${(answered[5] ?? '').replace(' It says: ', ' Er sagt: ')}`
    : error.message.replace(/^(.+?) failed: /, '$1 schlug fehl: ').replace(/^An action in "(.+)" failed\.$/, 'Eine Aktion in „$1“ schlug fehl.').replace(/^An action failed\. No dependent actions succeeded\.$/, 'Eine Aktion darin schlug fehl.');
  const hint = BY_CODE[error.code] ?? byStatus(status);
  return { message, hint: error.hint ? (hint ?? null) : null };
}
