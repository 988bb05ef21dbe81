/** Texts about batches: many runs that are resubmitted, resumed or cancelled together. */
import { defineText } from './language';

export const batchText = defineText(
  {
    batches: 'Many runs at once',
    working: { resubmit: 'Resubmitting', resume: 'Resuming', cancel: 'Cancelling' } as Record<string, string>,
    ended: { resubmit: 'Resubmitted', resume: 'Resumed', cancel: 'Cancelled' } as Record<string, string>,
    progress: (verb: string, done: number, all: number) => `${verb}: ${done} of ${all} runs`,
    stopped: 'Stopped before the end.',
    repeated: (n: number) => (n === 1 ? '1 was left out, since it was repeated before.' : `${n} were left out, since they were repeated before.`),
    refused: (n: number) => (n === 1 ? '1 was not possible:' : `${n} were not possible:`),
    others: 'Other reasons',
    andMore: 'More runs fit than one batch takes: repeat it for the older ones.',
    stop: 'Stop',
    dismiss: 'Dismiss',
    openRun: 'one of them',
  },
  {
    batches: 'Viele Läufe auf einmal',
    working: { resubmit: 'Wird erneut gesendet', resume: 'Wird fortgesetzt', cancel: 'Wird abgebrochen' } as Record<string, string>,
    ended: { resubmit: 'Erneut gesendet', resume: 'Fortgesetzt', cancel: 'Abgebrochen' } as Record<string, string>,
    progress: (verb: string, done: number, all: number) => `${verb}: ${done} von ${all} Läufen`,
    stopped: 'Vor dem Ende angehalten.',
    repeated: (n: number) => (n === 1 ? '1 wurde ausgelassen, weil er schon wiederholt wurde.' : `${n} wurden ausgelassen, weil sie schon wiederholt wurden.`),
    refused: (n: number) => (n === 1 ? '1 war nicht möglich:' : `${n} waren nicht möglich:`),
    others: 'Andere Gründe',
    andMore: 'Es passen mehr Läufe, als auf einmal gehen: Wiederholen Sie es für die älteren.',
    stop: 'Anhalten',
    dismiss: 'Ausblenden',
    openRun: 'einer davon',
  },
);
