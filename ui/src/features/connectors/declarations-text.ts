/** Texts about what a trigger declares for its webhook. */
import { defineText } from '../../shared/language';

interface Words {
  title: string;
  about: string;
}

export const declarationsText = defineText(
  {
    title: 'Proof, questions and answers',
    about: 'How the service proves that a call is its own, which questions it asks first, and what it wants to hear. For a well-known service its name is enough.',
    service: 'Service',
    serviceHint: 'Everything below comes with the name; what is written below goes before it.',
    noService: 'Another service',
    secret: (what: string) => `It signs its calls with ${what}.`,
    example: 'Insert an example',
    noJson: (why: string) => `This is no JSON: ${why}`,
    checked: 'Unknown members and contradictions are refused when the trigger is saved, with their place.',
    parts: {
      'x-hookmill-verification': { title: 'Proof of the sender', about: 'How an event proves its sender: one object, or a list of which one must pass.' },
      'x-hookmill-handshake': { title: 'Questions of the service', about: 'Requests that are answered and begin no run.' },
      'x-hookmill-registration': { title: 'Secret and creation', about: 'Where the secret comes from, and what the answer to the creation must hold.' },
      'x-hookmill-dedupe': { title: 'Identifier of a delivery', about: 'By which a repeated delivery is known, and for how long.' },
      'x-hookmill-ping': { title: 'Signs of life', about: 'Events that begin no run.' },
      'x-hookmill-reply': { title: 'Answer', about: 'Status, headers and body of the answer to an event.' },
      'x-hookmill-renewal': { title: 'Renewal', about: 'Where the moment of expiry stands, and how the webhook is renewed before it.' },
      'x-hookmill-recovery': { title: 'Missed deliveries', about: 'How the service is asked for deliveries that it could not make while this server was away.' },
    } as Record<string, Words>,
  },
  {
    title: 'Nachweis, Fragen und Antworten',
    about: 'Wie der Dienst nachweist, dass ein Aufruf von ihm kommt, welche Fragen er vorher stellt und was er hören will. Bei einem bekannten Dienst genügt sein Name.',
    service: 'Dienst',
    serviceHint: 'Alles Folgende kommt mit dem Namen; was unten steht, geht vor.',
    noService: 'Ein anderer Dienst',
    secret: (what: string) => `Er signiert seine Aufrufe mit: ${what}.`,
    example: 'Ein Beispiel einfügen',
    noJson: (why: string) => `Das ist kein JSON: ${why}`,
    checked: 'Unbekannte Angaben und Widersprüche werden beim Speichern des Auslösers abgelehnt, mit ihrer Stelle.',
    parts: {
      'x-hookmill-verification': { title: 'Nachweis des Absenders', about: 'Wie ein Ereignis seinen Absender nachweist: ein Objekt, oder eine Liste, von der eines gelten muss.' },
      'x-hookmill-handshake': { title: 'Fragen des Dienstes', about: 'Anfragen, die beantwortet werden und keinen Lauf beginnen.' },
      'x-hookmill-registration': { title: 'Geheimnis und Anlegen', about: 'Woher das Geheimnis kommt, und was die Antwort auf das Anlegen enthalten muss.' },
      'x-hookmill-dedupe': { title: 'Kennung einer Zustellung', about: 'Woran eine wiederholte Zustellung erkannt wird, und wie lange.' },
      'x-hookmill-ping': { title: 'Lebenszeichen', about: 'Ereignisse, die keinen Lauf beginnen.' },
      'x-hookmill-reply': { title: 'Antwort', about: 'Status, Kopfzeilen und Inhalt der Antwort auf ein Ereignis.' },
      'x-hookmill-renewal': { title: 'Erneuerung', about: 'Wo der Ablaufzeitpunkt steht, und wie der Webhook davor erneuert wird.' },
      'x-hookmill-recovery': { title: 'Verpasste Zustellungen', about: 'Wie der Dienst nach Zustellungen gefragt wird, die er nicht machen konnte, während dieser Server fort war.' },
    },
  },
);
