/** The bar that says for which services a flow or a run waits. */
import { render, screen } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { LanguageProvider } from '../../src/shared/language';
import { WaitingFor } from '../../src/shared/WaitingFor';

function show(services: Parameters<typeof WaitingFor>[0]['services']) {
  render(<LanguageProvider><WaitingFor services={services} /></LanguageProvider>);
}

describe('services that are waited for', () => {
  beforeEach(() => { document.body.innerHTML = ''; });

  it('are named with the others that wait there', () => {
    show([{ host: 'api.example.com', requests: 1, others: 31, is_silent: false }, { host: 'one.test:8080', requests: 2, others: 1, is_silent: false }]);
    expect(screen.getByText(/Waiting for api\.example\.com, 31 others\./)).toBeTruthy();
    expect(screen.getByText(/Waiting for one\.test:8080, 1 other\./)).toBeTruthy();
    expect(screen.queryByText(/has not answered/)).toBeNull();
  });

  it('are called silent where they do not answer', () => {
    show([{ host: 'api.example.com', requests: 1, others: 0, is_silent: true }]);
    expect(screen.getByText(/Waiting for api\.example\.com\. It has not answered for a while/)).toBeTruthy();
  });

  it('are no bar where nothing waits', () => {
    show(undefined);
    expect(document.body.textContent).toBe('');
  });
});
