/** The flow checker: what is wrong or odd, here and at the server; each finding leads to its card. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { api } from '../../api/client';
import type { Parameter } from '../../api/types';
import { builtinOf } from '../../flow-model/builtins';
import { check, stepOfPointer, type Finding } from '../../flow-model/checker';
import { actionsAt, forEachAction, isObject, ROOT, titleOf, triggerOf, valueAt, type JsonObject } from '../../flow-model/definition';
import { findingInWords } from '../../shared/codes';
import { useLanguage, useText } from '../../shared/language';
import { Wording } from '../../shared/ProblemBar';
import { useSettled } from '../../shared/settled';
import { stepOf, useConnections, useOperations } from './context';
import { connectorOf, hostOf, isOwnApi, usedConnections, type Edited } from './state';
import { designerText } from './text';

/** Whoever types shall not wait for the checks of a large flow. */
const PAUSE_MS = 250;

/** What the server does not look for: steps that do nothing, values that a form asks for. */
const OWN = new Set<Finding['code']>(['no_actions', 'empty_branches', 'missing_parameter', 'no_mail_server']);

const isBlank = (definition: JsonObject): boolean => triggerOf(definition) === null && Object.keys(actionsAt(definition, ROOT)).length === 0;

/** All findings about the flow as it is edited, errors first: the server's, and hints of our own. */
export function useFindings(now: Edited): Finding[] {
  const { language } = useLanguage();
  const known = useConnections().data;
  const edited = useSettled(now, PAUSE_MS);
  const operations = useOperations(edited);
  const server = useQuery({
    queryKey: ['authoring', 'check', JSON.stringify(edited.definition), JSON.stringify(edited.connections), JSON.stringify(edited.parameters ?? {}), edited.profile],
    // A page that was just opened has nothing to be checked.
    enabled: !isBlank(edited.definition),
    queryFn: ({ signal }) =>
      api.post('/api/flows/check', { body: { name: 'check', definition: edited.definition, connections: usedConnections(edited), parameters: edited.parameters ?? {}, ...(edited.profile ? { profile: edited.profile } : {}) }, signal }),
    placeholderData: (before) => before,
    retry: false,
  });
  const about = useQuery({ queryKey: ['about'], queryFn: ({ signal }) => api.get('/api/about', { signal }), staleTime: 60_000 });
  return useMemo(() => {
    const required = (name: string | null): { key: string; label: string }[] => {
      const step = stepOf(edited.definition, name);
      const connector = connectorOf(step, edited.connections, known ?? []);
      const parameters: Parameter[] = operations.get(`${connector}/${hostOf(step)?.operation}`)?.parameters ?? [];
      return parameters
        .filter((parameter) => parameter.required && parameter.visibility !== 'internal' && parameter.default === undefined)
        .map((parameter) => ({ key: parameter.key, label: parameter.summary || parameter.name }));
    };
    const findings = check(edited.definition, required);
    const bound = (name: string | null, step: JsonObject) => {
      const host = hostOf(step);
      if (host && !isOwnApi(host.api) && !edited.connections[host.key]?.connection_id) findings.push({ severity: 'error', code: 'missing_connection', step: name });
      const builtin = builtinOf(step, name === null ? 'trigger' : 'action');
      for (const field of builtin?.fields ?? []) {
        const value = valueAt(step, field.path);
        if (field.required && (value === undefined || value === null || value === '')) findings.push({ severity: 'error', code: 'missing_parameter', step: name, subject: field.label[language] });
      }
    };
    const trigger = triggerOf(edited.definition);
    if (trigger && isObject(trigger.trigger)) bound(null, trigger.trigger);
    forEachAction(edited.definition, (name, action) => bound(name, action));
    // Without a mail server such a step fails in every run.
    if (about.data?.sends_mail === false) {
      const mails = (name: string | null, step: JsonObject) => {
        if (hostOf(step)?.operation === 'SendEmailNotification') findings.push({ severity: 'warning', code: 'no_mail_server', step: name });
      };
      forEachAction(edited.definition, (name, action) => mails(name, action));
    }
    const told = server.data?.diagnostics;
    // What is seen here is a hint: whether the flow can be saved, the server alone decides.
    const hints = findings.map((finding): Finding => ({ ...finding, severity: finding.code === 'no_trigger' ? 'error' : 'warning' }));
    if (!told || isBlank(edited.definition)) return hints;
    const answers = told.map((diagnostic): Finding => {
      const step = stepOfPointer(edited.definition, diagnostic.pointer);
      const said = findingInWords(diagnostic, language);
      return { severity: diagnostic.severity === 'error' ? 'error' : 'warning', code: 'server', ...(step === undefined ? {} : { step }), message: said.message, ...(said.hint ? { hint: said.hint } : {}), ...(said.wording ? { wording: said.wording } : {}) };
    });
    const isTold = (finding: Finding) => answers.some((answer) => answer.severity === 'error' && answer.step === finding.step);
    const all = [...answers, ...hints.filter((finding) => OWN.has(finding.code) && (finding.code === 'no_mail_server' || !isTold(finding)))];
    return all.sort((a, b) => (a.severity === b.severity ? 0 : a.severity === 'error' ? -1 : 1));
  }, [edited, operations, known, language, server.data, about.data]);
}

export function CheckerPanel({ findings, onOpen }: { findings: Finding[]; onOpen: (step: string | null) => void }) {
  const t = useText(designerText);
  if (findings.length === 0) return <p className="quiet">{t.noProblems}</p>;
  return (
    <ul className="findings">
      {findings.map((finding, index) => (
        <li key={index} data-severity={finding.severity}>
          <button type="button" onClick={() => finding.step !== undefined && onOpen(finding.step)}>
            <strong>{finding.step === undefined ? t.flow : finding.step === null ? t.trigger : titleOf(finding.step)}</strong>
            <div>
              {finding.message ?? t.findings[finding.code]} {finding.subject}
            </div>
            {finding.hint && <div className="quiet small">{finding.hint}</div>}
          </button>
          <Wording text={finding.wording ?? null} />
          {finding.code === 'no_mail_server' && <Link className="small" to="/settings/$part" params={{ part: 'server' }}>{t.toMailServer}</Link>}
        </li>
      ))}
    </ul>
  );
}
