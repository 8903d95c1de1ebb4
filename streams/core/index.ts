export {
  type Aggregate,
  count,
  distinct,
  first,
  last,
  max,
  maxDecimal,
  mean,
  min,
  quantile,
  share,
  sum,
  sumDecimal,
  variance,
} from './aggregates.ts';
export { compile } from './compile.ts';
export {
  and,
  concat,
  type Expression,
  eq,
  field,
  gt,
  gte,
  isNull,
  lt,
  lte,
  ne,
  not,
  or,
  replace,
} from './expressions.ts';
export {
  Flow,
  from,
  type Job,
  type Joined,
  type JoinOptions,
  job,
  merge,
  type SourceOptions,
} from './job.ts';
export { type JobTopics, topicsOf, type WindowTopic } from './job-topics.ts';
export type {
  Context,
  Operator,
  Plan,
  ProcessTo,
  RecordContext,
  Source,
  WindowSize,
  WindowsTo,
} from './plan.ts';
export type { InputRecord, OutputRecord, StateChange, Step, Task } from './task.ts';
