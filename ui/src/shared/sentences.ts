/** Sentences of the server about webhooks and connections, in German. A test looks that the server says each of them. */
import { inLanguage } from './advice';
import type { Language } from './language';

export const GERMAN: { [english: string]: string } = {
  'The webhook could not be created, so the flow is off.': 'Der Webhook konnte nicht angelegt werden, deshalb ist der Flow aus.',
  'Open the flow: it says what the service answered and what to do.': 'Öffnen Sie den Flow: Dort steht, was der Dienst antwortete und was zu tun ist.',
  'The webhook could not be deleted at the service yet; it is tried again.': 'Der Webhook konnte beim Dienst noch nicht gelöscht werden; es wird wieder versucht.',
  'Until it expires it works. Look whether the connection still signs in, and whether the service is up.': 'Bis er abläuft, arbeitet er. Prüfen Sie, ob sich die Verbindung noch anmelden kann und ob der Dienst erreichbar ist.',
  'They were made after the backup. Delete them at the service; their calls are answered 404.': 'Sie entstanden nach der Sicherung. Löschen Sie sie beim Dienst; ihre Aufrufe werden mit 404 beantwortet.',
  'Sign in again.': 'Melden Sie sich neu an.',
  'Enter the credentials again.': 'Geben Sie die Zugangsdaten neu ein.',
  'The service does not accept the user name and password or token of the connection. Repair the connection, then try again.': 'Der Dienst nimmt Benutzername und Kennwort oder Token der Verbindung nicht an. Reparieren Sie die Verbindung, und versuchen Sie es noch einmal.',
  'The account of the connection may not manage webhooks there. Give it the permission (GitHub wants admin:repo_hook), then try again.': 'Das Konto der Verbindung darf dort keine Webhooks verwalten. Geben Sie ihm das Recht (bei GitHub admin:repo_hook), und versuchen Sie es noch einmal.',
  'Check owner and repository, or what else the trigger asks for; some services answer 404 when the account may not manage webhooks there (GitHub wants admin:repo_hook).': 'Prüfen Sie Besitzer und Repository oder was der Trigger sonst verlangt. Manche Dienste antworten 404, wenn das Konto dort keine Webhooks verwalten darf (bei GitHub fehlt admin:repo_hook).',
  'The service understood the request but not its values. Its answer below says which; many services also refuse a callback URL that they cannot reach from the internet.': 'Der Dienst verstand die Anfrage, aber nicht ihre Werte. Seine Antwort unten sagt, welche; viele Dienste lehnen auch eine Adresse ab, die sie aus dem Internet nicht erreichen.',
  'The service wants fewer requests. Wait a little, then try again.': 'Der Dienst wünscht weniger Anfragen. Warten Sie ein wenig, und versuchen Sie es noch einmal.',
  'The service has a problem of its own. Try again later.': 'Der Fehler liegt beim Dienst. Versuchen Sie es später noch einmal.',
  'Nothing was sent. Mend what the message says, then try again.': 'Es wurde nichts gesendet. Beheben Sie, was die Meldung sagt, und versuchen Sie es noch einmal.',
  "Check the connector's host and that this server may reach it, then try again.": 'Prüfen Sie den Host des Konnektors und ob dieser Server ihn erreichen darf, und versuchen Sie es noch einmal.',
};

/** A sentence of the server in the language; one that is not known stays as it is. */
export function inWords(text: string, language: Language): string {
  if (language === 'en') return text;
  const known = GERMAN[text];
  if (known) return known;
  const message = (said: string) => inLanguage({ code: '', message: said }, language).message;
  const failing = /^The last (\d+) runs failed\.(?: ([\s\S]+))?$/.exec(text);
  if (failing) return `Die letzten ${failing[1]} Läufe schlugen fehl.${failing[2] ? ` ${message(failing[2])}` : ''}`;
  const renewed = /^The webhook could not be renewed; it is tried again\. ([\s\S]*)$/.exec(text);
  if (renewed) return `Der Webhook konnte nicht erneuert werden; es wird wieder versucht. ${message(renewed[1] ?? '')}`;
  return message(text);
}
