/** What the wizard of a new connector and of a known one share: the steps with their problems. */
import { Badge, Tab, TabList } from '@fluentui/react-components';
import type { Diagnostic } from '../../api/types';
import { useText } from '../../shared/language';
import { DiagnosticList } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { PARTS, type Count, type Part } from './places';
import { connectorsText } from './text';

export function Tabs({ part, onPart, counts }: { part: Part; onPart: (part: Part) => void; counts: Partial<Record<Part, Count>> }) {
  const t = useText(connectorsText);
  const shared = useText(sharedText);
  return (
    <TabList selectedValue={part} onTabSelect={(_, data) => onPart(data.value as Part)} className="wizard-tabs">
      {PARTS.map((key) => {
        const count = counts[key];
        const said = count ? [count.errors ? shared.errors(count.errors) : '', count.warnings ? shared.warnings(count.warnings) : ''].filter(Boolean).join(', ') : '';
        return (
          <Tab key={key} value={key}>
            {t.parts[key]}{' '}
            {count && <Badge size="small" color={count.errors ? 'danger' : 'warning'} aria-label={said} title={said}>{count.errors + count.warnings}</Badge>}
          </Tab>
        );
      })}
    </TabList>
  );
}

export function Problems({ diagnostics, onOpen }: { diagnostics: Diagnostic[]; onOpen: (problem: Diagnostic) => void }) {
  const t = useText(connectorsText);
  if (diagnostics.length === 0) return null;
  return (
    <section className="panel" aria-labelledby="wizard-problems">
      <h2 id="wizard-problems">{t.problems}</h2>
      <DiagnosticList diagnostics={diagnostics} onOpen={onOpen} />
    </section>
  );
}
