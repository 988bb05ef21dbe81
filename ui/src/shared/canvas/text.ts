/** Texts on the canvas. */
import { defineText } from '../language';

export const canvasText = defineText(
  { yes: 'If yes', no: 'If no', case: 'Case', default: 'Default', body: 'Actions', insert: 'Insert a step before' },
  { yes: 'Wenn ja', no: 'Wenn nein', case: 'Fall', default: 'Sonst', body: 'Aktionen', insert: 'Schritt einfügen vor' },
);
