/** Texts of set-up and sign-in. */
import { defineText } from '../../shared/language';

export const sessionText = defineText(
  {
    setupTitle: 'Create the owner account',
    setupIntro: 'This server is new. The owner can do everything here, also invite others.',
    token: 'Set-up token',
    tokenHint: 'Hookmill printed it on its console when it started.',
    name: 'Name',
    email: 'E-mail',
    password: 'Password',
    passwordHint: 'At least 10 characters.',
    create: 'Create account',
    signInTitle: 'Sign in to Hookmill',
    signIn: 'Sign in',
    wrong: 'E-mail and password do not belong together.',
    busy: 'One moment…',
  },
  {
    setupTitle: 'Eigentümerkonto anlegen',
    setupIntro: 'Dieser Server ist neu. Der Eigentümer darf hier alles, auch andere einladen.',
    token: 'Einrichtungscode',
    tokenHint: 'Hookmill hat ihn beim Start auf der Konsole ausgegeben.',
    name: 'Name',
    email: 'E-Mail',
    password: 'Passwort',
    passwordHint: 'Mindestens 10 Zeichen.',
    create: 'Konto anlegen',
    signInTitle: 'Bei Hookmill anmelden',
    signIn: 'Anmelden',
    wrong: 'E-Mail und Passwort passen nicht zusammen.',
    busy: 'Einen Moment …',
  },
);
