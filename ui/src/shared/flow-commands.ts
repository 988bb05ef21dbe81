/** What can be done with a flow from its list entry and its page. */
import { get, post, put, remove } from '../api/client';
import type { Flow, FlowState } from '../api/types';

export const turn = (id: string, state: Exclude<FlowState, 'draft'>): Promise<Flow> => post<Flow>(`/api/flows/${id}/${state}`);
export const retryWebhook = (id: string): Promise<Flow> => post<Flow>(`/api/flows/${id}/retry-webhook`);
export const duplicate = (id: string): Promise<Flow> => post<Flow>(`/api/flows/${id}/duplicate`);
export const deleteFlow = (id: string): Promise<void> => remove(`/api/flows/${id}`);
export const runFlow = (id: string, body: unknown): Promise<{ run: string }> => post<{ run: string }>(`/api/flows/${id}/run`, { body });
export const getFlow = (id: string, signal?: AbortSignal): Promise<Flow> => get<Flow>(`/api/flows/${id}`, undefined, signal);
export const saveFlow = (id: string, body: unknown, etag: string | undefined): Promise<Flow> => put<Flow>(`/api/flows/${id}`, body, etag);
/** A flow as it was imported waits here until the designer picks it up; nothing is stored at the server before saving. */
export const IMPORTED_KEY = 'hookmill-imported-flow';
