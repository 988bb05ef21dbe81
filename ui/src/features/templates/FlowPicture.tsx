/** A small picture of a flow: its cards and containers where the designer would draw them. */
import { useMemo } from 'react';
import { builtinOf } from '../../flow-model/builtins';
import { findAction, titleOf, triggerOf, type JsonObject } from '../../flow-model/definition';
import { CARD, layout, type Box } from '../../flow-model/layout';
import { pictureColor } from '../../shared/canvas/StepIcon';
import { useLanguage, useText } from '../../shared/language';
import { templatesText } from './text';

/** Room for a title of this many letters on a card. */
const LETTERS = 19;
const short = (text: string): string => (text.length > LETTERS ? `${text.slice(0, LETTERS - 1)}…` : text);

export function FlowPicture({ definition, height }: { definition: JsonObject; height: number }) {
  const t = useText(templatesText);
  const { language } = useLanguage();
  const picture = useMemo(() => layout(definition), [definition]);
  const byId = new Map(picture.boxes.map((box) => [box.id, box]));
  const trigger = triggerOf(definition);
  // A trigger is often called just "manual"; what it is says more.
  const own = trigger ? builtinOf(trigger.trigger, 'trigger') : null;
  const titleOfBox = (box: Box) => (box.name === null ? (own?.title[language] ?? titleOf(trigger?.name ?? '')) : titleOf(box.name));
  const colorOf = (box: Box) => {
    const step = box.name === null ? trigger?.trigger : findAction(definition, box.name)?.action;
    return pictureColor((step ? builtinOf(step, box.name === null ? 'trigger' : 'action') : null)?.icon);
  };
  const drawn = picture.boxes.filter((box) => box.kind === 'trigger' || box.kind === 'card' || box.kind === 'container').sort((one, two) => one.depth - two.depth);
  const lines = picture.lines.flatMap((line) => {
    const [from, to] = [byId.get(line.from), byId.get(line.to)];
    return from && to && to.kind !== 'add' ? [{ id: line.id, from, to }] : [];
  });
  const middle = (box: Box) => box.x + box.width / 2;
  return (
    <svg className="flow-picture" role="img" aria-label={t.picture(drawn.map(titleOfBox).join(', '))} viewBox={`-8 -8 ${picture.width + 16} ${picture.height + 16}`} preserveAspectRatio="xMidYMid meet" height={height} width="100%">
      {drawn.map((box) => (
        <g key={box.id}>
          <rect className={box.kind === 'container' ? 'around' : 'card'} x={box.x} y={box.y} width={box.width} height={box.height} rx={10} />
          <rect x={box.x + 10} y={box.y + 10} width={CARD.height - 20} height={CARD.height - 20} rx={8} style={{ fill: colorOf(box) }} />
          <text x={box.x + CARD.height} y={box.y + CARD.height / 2 + 7}>{short(titleOfBox(box))}</text>
        </g>
      ))}
      {lines.map(({ id, from, to }) => <path key={id} d={`M${middle(from)} ${from.kind === 'start' ? from.y : from.y + from.height} L${middle(to)} ${to.y}`} />)}
    </svg>
  );
}
