import { expect, test } from 'vitest';
import { steps } from './index.ts';
import { checkSteps } from './reset.ts';

const all = steps();

test('a step that repartitions nothing may be computed anew', () => {
  expect(() => checkSteps(['finance'], all)).not.toThrow();
});

test('a step that does not exist is named, with those that do', () => {
  expect(() => checkSteps(['finanze'], all)).toThrow(/there is no step finanze .*finance/);
});

test('what a step has repartitioned is computed anew with it, or not at all', () => {
  expect(() => checkSteps(['alerts'], all)).toThrow(/hub\.alerts\.by-rule again .*twice by alerts\.by-rule/);
  expect(() => checkSteps(['alerts', 'alerts.by-rule'], all)).not.toThrow();
});

test('the step that counts each reading once is never reset', () => {
  expect(() => checkSteps(['intake', 'finance'], all)).toThrow(/intake cannot be reset: .*iot\.raw.*a second time/);
});
