/** Texts about the proof of a webhook's sender. */
import { defineText } from '../../shared/language';

export const proofText = defineText(
  {
    notVerified: 'Not verified yet.',
    waiting: 'The service signs its calls with a secret that it shows you when the webhook is made, or in its settings. Until it is entered, here or in the connection, calls are put off: the service sends them again.',
    waitingOwn: 'The trigger names a service that signs its calls, but no secret. Enter it in the trigger; until then calls are put off.',
    secret: 'Signing secret',
    saveSecret: 'Save secret',
    verified: 'Senders are verified',
    addressOnly: 'The address is the only proof of the sender',
    showToken: 'Show the verification token',
    token: 'Verification token',
    tokenHint: 'Enter it at the service, where it asks for the token that it has sent.',
    throttled: 'So many calls proved nothing lately that only ten a second are looked at. If the service signs with another secret now, enter it; if a stranger knows the address, turn the flow off and on.',
    refused: (count: number) => (count === 1 ? 'One call proved nothing and was refused' : `${count} calls proved nothing and were refused`),
  },
  {
    notVerified: 'Noch nicht geprüft.',
    waiting: 'Der Dienst signiert seine Aufrufe mit einem Geheimnis, das er beim Anlegen des Webhooks oder in seinen Einstellungen zeigt. Bis es hier oder in der Verbindung eingetragen ist, werden Aufrufe zurückgestellt: Der Dienst sendet sie erneut.',
    waitingOwn: 'Der Auslöser nennt einen Dienst, der seine Aufrufe signiert, aber kein Geheimnis. Tragen Sie es im Auslöser ein; bis dahin werden Aufrufe zurückgestellt.',
    secret: 'Signaturgeheimnis',
    saveSecret: 'Geheimnis speichern',
    verified: 'Absender werden geprüft',
    addressOnly: 'Die Adresse ist der einzige Nachweis des Absenders',
    showToken: 'Prüftoken zeigen',
    token: 'Prüftoken',
    tokenHint: 'Tragen Sie es beim Dienst ein, wo er nach dem gesendeten Token fragt.',
    throttled: 'Zuletzt wiesen sich so viele Aufrufe nicht aus, dass nur zehn in der Sekunde geprüft werden. Signiert der Dienst nun mit einem anderen Geheimnis, tragen Sie es ein; kennt ein Fremder die Adresse, schalten Sie den Flow aus und wieder ein.',
    refused: (count: number) => (count === 1 ? 'Ein Aufruf wies sich nicht aus und wurde abgelehnt' : `${count} Aufrufe wiesen sich nicht aus und wurden abgelehnt`),
  },
);
