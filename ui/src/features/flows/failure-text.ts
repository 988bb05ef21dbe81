/** Texts of what happens when a run fails. */
import { defineText } from '../../shared/language';

export const failureText = defineText(
  {
    title: 'When a run fails',
    notify: 'Notify me in the inbox and on my phone',
    byMail: 'Notify me by mail',
    noMail: 'No mail server is set, so nothing can be sent by mail.',
    minutes: 'At most every … minutes',
    minutesHint: 'Runs that fail meanwhile are counted and told together. 0 tells each one.',
    runFlow: 'Run a flow with what failed',
    runFlowHint: 'Its trigger gives flow, run, error and the body that started the failed run.',
    noFlow: 'None',
    saved: 'Saved.',
  },
  {
    title: 'Wenn ein Lauf fehlschlägt',
    notify: 'Mich im Posteingang und auf dem Telefon benachrichtigen',
    byMail: 'Mich per E-Mail benachrichtigen',
    noMail: 'Es ist kein Mailserver eingerichtet, also kann nichts per E-Mail kommen.',
    minutes: 'Höchstens alle … Minuten',
    minutesHint: 'Was inzwischen fehlschlägt, wird gezählt und zusammen gemeldet. 0 meldet jeden Lauf.',
    runFlow: 'Einen Flow damit ausführen',
    runFlowHint: 'Sein Trigger gibt flow, run, error und den Inhalt, mit dem der fehlgeschlagene Lauf begann.',
    noFlow: 'Keinen',
    saved: 'Gespeichert.',
  },
);
