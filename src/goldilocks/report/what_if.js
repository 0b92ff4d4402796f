// Winner, best set and costs for another cost of an error, from the data of the page.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("what-if-data").textContent);
  const slider = document.getElementById("alpha");
  const [low, high] = [Math.log(data.from), Math.log(data.to)];
  const number = (value) => value.toLocaleString(data.language, { maximumSignificantDigits: 3 });
  const filled = (message, values) => message.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const words = data.words;
  const argmin = (values) => values.reduce((best, value, i) => (value < values[best] ? i : best), 0);

  const places = data.candidates.map((_, i) => i);
  // The lowest of a key; equal ones by size, then name, in which order they were numbered.
  const first = (among, key) => among.reduce((best, i) => {
    const [one, other] = [data.candidates[i], data.candidates[best]];
    return (one[key] - other[key] || one.rank - other.rank) < 0 ? i : best;
  });

  function decide(alpha) {
    const observed = data.candidates.map((one) => one.cost + alpha * one.loss);
    const expected = data.candidates.map((one) => one.cost + alpha * one.expected);
    const lowest = argmin(expected);
    const within = (margin) => places.filter((i) => expected[i] - expected[lowest] <= margin(data.candidates[i]));
    const timing = data.candidates[lowest].timing;
    let winner = first(within((one) => Math.hypot(one.timing, timing)), "loss");
    if (data.indifference > 0) winner = first([winner, ...within(() => data.indifference)], "cost");
    const best = argmin(observed);
    const inside = observed.map((value, i) => {
      const behind = value - observed[best] - alpha * data.step;
      return i === winner || behind <= data.critical * alpha * data.errors[i][best];
    });
    return { observed, expected, winner, inside };
  }

  function show() {
    const alpha = Math.exp(low + (high - low) * (Number(slider.value) / 1000));
    const { observed, expected, winner, inside } = decide(alpha);
    const currency = data.currency;
    document.getElementById("what-if-price").textContent = filled(words.price, {
      each: number(alpha / data.requests), alpha: number(alpha), currency,
    });
    const several = inside.filter(Boolean).length;
    document.getElementById("what-if-winner").textContent = filled(words.winner, {
      name: data.candidates[winner].name, total: number(observed[winner]), currency,
      best: several > 1 ? filled(words.several, { n: several }) : words.alone,
    });
    const order = observed.map((_, i) => i).sort((a, b) => (b === winner) - (a === winner) || expected[a] - expected[b]);
    const rows = order.map((i) => {
      const one = data.candidates[i];
      const row = document.createElement("tr");
      if (i === winner) row.className = "winner";
      const texts = [one.name, inside[i] ? words.yes : words.no, number(observed[i]), number(one.cost), number(alpha * one.loss)];
      texts.forEach((text, column) => {
        const cell = document.createElement(column ? "td" : "th");
        if (column > 1) cell.className = "n";
        cell.textContent = text;
        row.append(cell);
      });
      return row;
    });
    document.getElementById("what-if-rows").replaceChildren(...rows);
  }

  slider.value = String(Math.round((1000 * (Math.log(Math.max(data.alpha, data.from)) - low)) / (high - low)));
  slider.addEventListener("input", show);
  document.getElementById("what-if").hidden = false;
  show();
})();
