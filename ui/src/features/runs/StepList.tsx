/** The steps of a run one below the other, for screens on which the picture of the flow is too wide. */
import { Fragment, type ReactNode } from 'react';
import { actionsAt, branchesOf, branchPlace, ROOT, type Branch, type JsonObject, type Place } from '../../flow-model/definition';
import { rowsOf } from '../../flow-model/order';
import { useText } from '../../shared/language';
import { canvasText } from '../../shared/canvas/text';

export function StepList({ definition, inside, detail, selected, onOpen, caseValue, isTaken, label }: {
  definition: JsonObject;
  /** The inside of a step's row; null is the trigger. */
  inside: (name: string | null) => ReactNode;
  /** What stands below the row that is open. */
  detail: ReactNode;
  selected: string | null | undefined;
  onOpen: (name: string | null | undefined) => void;
  caseValue: (name: string, label: string) => string;
  isTaken: (name: string, branch: Branch) => boolean | undefined;
  label: string;
}) {
  const t = useText(canvasText);
  const row = (name: string | null) => (
    <>
      <button type="button" className="run-step" data-card={name ?? '$trigger'} aria-expanded={selected === name} onClick={() => onOpen(selected === name ? undefined : name)}>{inside(name)}</button>
      {selected === name && <div className="run-step-detail">{detail}</div>}
    </>
  );
  const steps = (place: Place): ReactNode => {
    const actions = actionsAt(definition, place);
    return rowsOf(actions).flat().map((name) => {
      const branches = branchesOf(actions[name] ?? {});
      return (
        <li key={name}>
          {row(name)}
          {branches.map((branch) => {
            const inner = branchPlace(place, name, branch);
            // What was not taken has nothing to tell, and an empty branch neither.
            if (isTaken(name, branch) === false || Object.keys(actionsAt(definition, inner)).length === 0) return null;
            return (
              <Fragment key={branch.path.join('/')}>
                {branches.length > 1 && <p className="quiet small">{branch.kind === 'case' ? `${t.case}: ${caseValue(name, branch.name ?? '')}` : t[branch.kind]}</p>}
                <ol>{steps(inner)}</ol>
              </Fragment>
            );
          })}
        </li>
      );
    });
  };
  return (
    <ol className="run-steps" aria-label={label}>
      <li>{row(null)}</li>
      {steps(ROOT)}
    </ol>
  );
}
