import Big from 'big.js';
import { type Balance, TOPICS, type Transaction } from '../../contract/index.ts';
import { concat, type Flow, field, type Plan } from '../../streams/core/index.ts';

/** Of each account and currency the last so many transactions are known by their ids: one that is sent again counts once. */
const KNOWN_IDS = 50;

interface State {
  readonly balance: string;
  readonly version: number;
  readonly ts: number;
  readonly ids: readonly string[];
}

const transaction = field<Transaction>;

/** The balance of each account and currency, to the last digit. No declaration could say it: it has no window, and a repeated transaction counts once. */
export function balances(transactions: Flow<Transaction>): Plan {
  return transactions.process<State>({
    version: 1,
    series: concat(transaction('account'), '/', transaction('currency')),
    outputs: [TOPICS.balances],
    init: () => ({ balance: '0', version: 0, ts: 0, ids: [] }),
    step(state, { id, account, currency, amount }, at, { series, emit }) {
      if (state.ids.includes(id)) return state;
      const balance = new Big(state.balance).minus(amount).toFixed();
      const version = state.version + 1;
      // A late one changes the balance like any other, but not up to when it is known.
      const ts = Math.max(state.ts, at);
      const row: Balance = { account, currency, balance, version, transaction: id, ts };
      emit(TOPICS.balances, series, row);
      return { balance, version, ts, ids: [...state.ids, id].slice(-KNOWN_IDS) };
    },
  });
}
