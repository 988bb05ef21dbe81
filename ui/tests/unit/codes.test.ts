/** Every code of the server has a German sentence. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkHintInWords, checkInWords, findingInWords, problemInWords, reasonInWords } from '../../src/shared/codes';
import { CHECK_HINTS, CHECKS, FINDINGS, PROBLEMS, REASONS } from '../../src/shared/codes-text';

const root = join(process.cwd(), '..');
const rust = (folder: string): string[] => readdirSync(folder).flatMap((name) => {
  const path = join(folder, name);
  if (statSync(path).isDirectory()) return rust(path);
  return name.endsWith('.rs') && name !== 'tests.rs' ? [readFileSync(path, 'utf8').split('#[cfg(test)]')[0] ?? ''] : [];
});
const sources = (crate: string): string => rust(join(root, 'crates', crate, 'src')).join('\n');
const all = (text: string, pattern: RegExp): Set<string> => new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ''));
const sorted = (names: Iterable<string>) => [...names].sort();

describe('what the server says, in German', () => {
  it('has each problem that docs/errors explains', () => {
    const pages = readdirSync(join(root, 'docs/errors')).filter((name) => name.endsWith('.md') && name !== 'README.md').map((name) => name.slice(0, -3));
    expect(pages.filter((code) => !(code in PROBLEMS))).toEqual([]);
  });
  it('has each finding', () => {
    const text = ['definition', 'connector', 'webhook', 'runtime', 'server', 'executor'].map((name) => sources(`hookmill-${name}`)).join('\n') + sources('hookmill');
    const said = all(text, /Diagnostic::(?:error|warning|information)\(\s*"([a-z_]+)"/g);
    for (const code of all(sources('hookmill-definition'), /(?:error|error_with|warning|warning_with|refused|odd|fault)\(\s*"([a-z]+(?:_[a-z]+)+)"/g)) said.add(code);
    expect(sorted(said).filter((code) => !(code in FINDINGS))).toEqual([]);
  });
  it('has each reason for which a call is refused', () => {
    const said = all(sources('hookmill-webhook'), /(?:\bWrong\(|\((?:\d{3}|handshake\.otherwise), )"([^"{}]+)"\)/g);
    expect(sorted(said).filter((reason) => !(reason in REASONS))).toEqual([]);
  });
  it('has each check of the public address, and what to try', () => {
    const text = readFileSync(join(root, 'crates/hookmill-server/src/reachability.rs'), 'utf8');
    const said = all(text, /Finding::(?:Good|Notice|Bad),\s*"([a-z_]+)"/g);
    expect(sorted(said)).toEqual(sorted(Object.keys(CHECKS)));
    expect(Object.keys(CHECK_HINTS).filter((code) => !said.has(code))).toEqual([]);
  });
  it('names what the server quotes, and keeps its wording', () => {
    const finding = { code: 'reference_unknown', message: "The action 'Get form' is not in the flow.", hint: "Did you mean 'Get_form'?" };
    expect(findingInWords(finding, 'de')).toEqual({ message: 'Der Ausdruck liest eine Aktion, die es nicht gibt: „Get form“.', hint: null, wording: `${finding.message} ${finding.hint}` });
    expect(findingInWords(finding, 'en')).toEqual({ message: finding.message, hint: finding.hint, wording: null });
    expect(problemInWords({ code: 'email_taken', detail: 'The address is taken.' }, 'de')).toEqual({ message: 'Ein anderer Benutzer hat diese E-Mail-Adresse.', hint: null, wording: 'The address is taken.' });
    expect(problemInWords({ code: 'http_418', detail: 'Tea.' }, 'de').message).toBe('Tea.');
    expect(reasonInWords('the signature is wrong', 401, 'de')).toBe('die Signatur stimmt nicht');
    expect(reasonInWords('GET is no delivery', 405, 'de')).toBe('mit dieser Methode wird nichts zugestellt');
    expect(checkInWords({ code: 'no_answer', values: ['timed out'], detail: '' }, 'de')).toBe('Es kam keine Antwort: timed out.');
    expect(checkHintInWords('x', [{ code: 'encrypted' }, { code: 'no_answer' }], 'de')).toContain('Firewall');
  });
});
