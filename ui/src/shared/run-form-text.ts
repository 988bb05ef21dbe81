/** Texts of a run by hand. */
import { defineText } from './language';

export const runFormText = defineText(
  {
    last: 'Filled in with what came last.',
    asJson: 'As JSON',
    asForm: 'As a form',
    body: 'Body (JSON)',
    badJson: 'This is no JSON yet.',
    yes: 'Yes',
    no: 'No',
    none: 'Choose',
    missing: (names: string) => `Still empty: ${names}`,
    fileKept: (name: string) => `Now: ${name}`,
    fileLarge: (mb: number) => `The file is too large: at most ${mb} MB.`,
    required: 'Fill this in.',
  },
  {
    last: 'Ausgefüllt mit dem, was zuletzt kam.',
    asJson: 'Als JSON',
    asForm: 'Als Formular',
    body: 'Inhalt (JSON)',
    badJson: 'Das ist noch kein JSON.',
    yes: 'Ja',
    no: 'Nein',
    none: 'Wählen',
    missing: (names: string) => `Noch leer: ${names}`,
    fileKept: (name: string) => `Jetzt: ${name}`,
    fileLarge: (mb: number) => `Die Datei ist zu groß: höchstens ${mb} MB.`,
    required: 'Füllen Sie das aus.',
  },
);
