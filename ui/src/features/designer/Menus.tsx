/** The menus on the canvas: what can be added at a place, what can be done with cards. One of each for all places. */
import { Menu, MenuDivider, MenuItem, MenuList, MenuPopover } from '@fluentui/react-components';
import {
  AddRegular,
  ArrowDownRegular,
  ArrowLeftRegular,
  ArrowRightRegular,
  ArrowRepeatAllRegular,
  ArrowUpRegular,
  BoxRegular,
  BranchForkRegular,
  ClipboardPasteRegular,
  CopyRegular,
  CutRegular,
  DeleteRegular,
  DocumentCopyRegular,
  SplitVerticalRegular,
} from '@fluentui/react-icons';
import { containersOf, typeOf, type JsonObject } from '../../flow-model/definition';
import type { Position } from '../../flow-model/edits';
import { useText } from '../../shared/language';
import { kept, type CardCommands } from './cards';
import { stepOf } from './context';
import { designerText } from './text';

export interface AddAt {
  position: Position;
  button: HTMLElement;
}

export function AddMenu({ at, definition, onClose, onAdd, onBuiltin, onCase, onPaste, onPasteText }: {
  at: AddAt;
  definition: JsonObject;
  onClose: () => void;
  onAdd: (position: Position) => void;
  onBuiltin: (id: string, position: Position) => void;
  onCase: (name: string) => void;
  onPaste: (text: string, position: Position) => void;
  onPasteText: (position: Position) => void;
}) {
  const t = useText(designerText);
  const { position } = at;
  const holder = containersOf(position.place).at(-1) ?? null;
  const text = kept();
  return (
    <Menu open onOpenChange={(_, data) => !data.open && onClose()} positioning={{ target: at.button, position: 'below', align: 'center' }}>
      <MenuPopover>
        <MenuList>
          <MenuItem icon={<AddRegular />} onClick={() => onAdd(position)}>{t.addAction}</MenuItem>
          {position.after !== null && <MenuItem icon={<SplitVerticalRegular />} onClick={() => onAdd({ ...position, parallel: true })}>{t.addParallel}</MenuItem>}
          <MenuDivider />
          <MenuItem icon={<BranchForkRegular />} onClick={() => onBuiltin('If', position)}>{t.addCondition}</MenuItem>
          <MenuItem icon={<ArrowRepeatAllRegular />} onClick={() => onBuiltin('Foreach', position)}>{t.addLoop}</MenuItem>
          <MenuItem icon={<BoxRegular />} onClick={() => onBuiltin('Scope', position)}>{t.addScope}</MenuItem>
          {holder !== null && typeOf(stepOf(definition, holder) ?? {}) === 'Switch' && <MenuItem onClick={() => onCase(holder)}>{t.addCase}</MenuItem>}
          <MenuDivider />
          {text && <MenuItem icon={<ClipboardPasteRegular />} onClick={() => onPaste(text, position)}>{t.paste}</MenuItem>}
          <MenuItem onClick={() => onPasteText(position)}>{t.pasteCard}</MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

/** The entries of a card's menu, also shown in its panel. */
export function CardMenuItems({ name, cards }: { name: string; cards: CardCommands }) {
  const t = useText(designerText);
  const names = cards.chosen(name);
  return (
    <>
      <MenuItem icon={<CopyRegular />} secondaryContent="Ctrl+C" onClick={() => cards.copy(names)}>{t.copyStep}</MenuItem>
      <MenuItem icon={<CutRegular />} secondaryContent="Ctrl+X" onClick={() => cards.cut(names)}>{t.cutStep}</MenuItem>
      <MenuItem icon={<DocumentCopyRegular />} onClick={() => cards.duplicate(names)}>{t.duplicateStep}</MenuItem>
      <MenuItem icon={<BoxRegular />} onClick={() => cards.scope(names)}>{t.intoScope}</MenuItem>
      {names.length === 1 && (
        <>
          <MenuItem icon={<ArrowUpRegular />} secondaryContent="Alt+↑" onClick={() => cards.step(name, 'before')}>{t.moveUp}</MenuItem>
          <MenuItem icon={<ArrowDownRegular />} secondaryContent="Alt+↓" onClick={() => cards.step(name, 'behind')}>{t.moveDown}</MenuItem>
          <MenuItem icon={<ArrowLeftRegular />} secondaryContent="Alt+←" onClick={() => cards.step(name, 'out')}>{t.moveOut}</MenuItem>
          <MenuItem icon={<ArrowRightRegular />} secondaryContent="Alt+→" onClick={() => cards.step(name, 'in')}>{t.moveIn}</MenuItem>
        </>
      )}
      <MenuDivider />
      <MenuItem icon={<DeleteRegular />} secondaryContent={t.deleteKey} onClick={() => cards.remove(names)}>{t.deleteStep}</MenuItem>
    </>
  );
}

export function CardMenu({ name, at, cards, onClose }: { name: string; at: { x: number; y: number }; cards: CardCommands; onClose: () => void }) {
  const target = { getBoundingClientRect: () => new DOMRect(at.x, at.y, 0, 0) };
  return (
    <Menu open onOpenChange={(_, data) => !data.open && onClose()} positioning={{ target, position: 'below', align: 'start' }}>
      <MenuPopover>
        <MenuList><CardMenuItems name={name} cards={cards} /></MenuList>
      </MenuPopover>
    </Menu>
  );
}
