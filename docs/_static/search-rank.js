/* Which pages answer a question: the index that the site's build has made (search-index.js) is only added up. */
"use strict";

const ptguideRank = (() => {
  const {pages, messages, stopwords, terms} = window.ptguideIndex;
  const stop = new Set(stopwords);
  const stemmer = new EnglishStemmer();
  const stems = new Map();
  const byId = new Map(pages.map(page => [page.id, page]));

  /* Of each stem a line, in their order: its commonest word if that is another, and its pages with their scores
     (pipeline/search/index.py). A line is read when it is asked for: there are fifteen thousand. */
  const lines = terms.split("\n");
  const firstFrom = begin => {  // a space comes before every letter, so that lines have the order of their stems
    let [from, to] = [0, lines.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (lines[middle] < begin) from = middle + 1; else to = middle;
    }
    return from;
  };
  const stemOf = line => line.slice(0, line.indexOf(" "));
  const formOf = line => line.split(" ")[1] || stemOf(line);
  const isStem = one => lines[firstFrom(`${one} `)]?.startsWith(`${one} `);
  const worth = letter => 0.1 * 1.16 ** "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".indexOf(letter);
  const scores = new Map();
  const scoresOf = one => {
    if (!scores.has(one)) {
      const places = lines[firstFrom(`${one} `)].split(" ")[2];
      let page = -1;
      scores.set(one, [...places.matchAll(/(\d*)([a-zA-Z])/g)].map(([, step, letter]) => [page += Number(step || 1), worth(letter)]));
    }
    return scores.get(one);
  };
  /* The stems that begin with a word, and how much each counts: itself wholly, others less the longer they are. */
  const begunBy = (word, withLonger) => {
    const found = isStem(word) ? [[word, 1]] : [];
    for (let at = firstFrom(word); withLonger && lines[at]?.startsWith(word); at++) {
      const one = stemOf(lines[at]);
      if (one !== word) found.push([one, 0.4 * word.length / (word.length + 0.3 * (one.length - word.length))]);
    }
    return found;
  };

  /* What a question holds that no page is about. */
  const fillers = new Set([...stopwords, "use", "using", "used", "work", "works", "way", "want", "need", "get", "pytorch"]);

  const stem = word => {
    if (!stems.has(word)) stems.set(word, stemmer.stemWord(word));
    return stems.get(word);
  };

  /* A word is searched as itself and as its parts: masked_fill, CrossEntropyLoss. A stop word counts where it is a name,
     as in torch.where or any(...); * and @ are words, since people ask about them. */
  const TOKEN = /[A-Za-z_][A-Za-z0-9_]*|\d+(?:\.\d+)?|[*@]/g;
  const parts = word => {
    const lower = word.toLowerCase();
    const humps = word.split(/_|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/).filter(Boolean);
    return humps.length > 1 || humps.join("").length < word.length ? [lower, humps.join("").toLowerCase(), ...humps.map(one => one.toLowerCase())].filter(Boolean) : [lower];
  };
  const words = (text, left = stop) => [...text.matchAll(TOKEN)].flatMap(match => {
    const isName = text[match.index - 1] === "." || text[match.index + match[0].length] === "(";
    return !isName && left.has(match[0].toLowerCase()) ? [] : [...new Set(parts(match[0]))];
  });
  /* The words of a question; all of them where none is left. */
  const asked = query => {
    const found = words(query, fillers);
    return found.length ? found : words(query, new Set());
  };

  /* A word that stands on no page, and begins none that does, is taken for the nearest that does. */
  const distance = (one, two) => {  // of Damerau: letters that are missing, too many, wrong, or swapped with the next
    let [before, last, row] = [[], [], [...Array(two.length + 1).keys()]];
    for (let i = 1; i <= one.length; i++) {
      [before, last, row] = [last, row, [i]];
      for (let j = 1; j <= two.length; j++) {
        row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (one[i - 1] !== two[j - 1]));
        if (i > 1 && j > 1 && one[i - 1] === two[j - 2] && one[i - 2] === two[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
      }
    }
    return row[two.length];
  };
  let all, forms;
  const isKnown = word => {
    if (isStem(stem(word))) return true;
    all ||= ` ${lines.map(formOf).join(" ")}`;
    return all.includes(` ${word}`);
  };
  const nearest = word => {
    const most = word.length < 4 ? 0 : word.length < 8 ? 1 : 2;
    const begins = stem(word);
    let best = "", near = most + 1, often = 0;
    forms ||= lines.map(line => [stemOf(line), formOf(line)]);
    for (const [of, form] of forms) {
      if (Math.abs(of.length - begins.length) > most || /[^a-z_]/.test(form)) continue;
      const far = Math.min(distance(begins, of), distance(word, form));
      const count = far <= near ? scoresOf(of).length : 0;  // the word of more pages where two are as near
      if (far < near || far === near && best && count > often) [best, near, often] = [form, far, count];
    }
    return best;
  };
  const corrected = query => query.replace(/[A-Za-z_]+/g, word => {
    const lower = word.toLowerCase();
    return lower.length < 4 || isKnown(lower) ? word : nearest(lower) || word;
  });

  /* Of a pasted traceback: the message of its last error, and the line of the reader's own code that led there. */
  const ERROR = /(?:^|[\s│┃|])((?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*(?:Error|Exception|Warning|Interrupt|SymNode|LimitHit)|Unsupported|TritonMissing)): +/g;
  const ENDS = /During handling of the above|The above exception was|Traceback \(most recent|\(Triggered internally|={5,}|-{10,}|File "|[\w.]*ChildFailedError/;
  const FRAME = /File "([^"]+)", line \d+, in \S+\s+(.*?)(?=\s+File "|\s+\^{2,}|\s+[A-Z]\w*(?:Error|Exception): |\n|$)/g;
  const CELL = /-{2,}> *\d+ (.*?)(?=\n| {2,}\d+ |$)/g;
  const traceback = text => {
    const plainText = text.replace(/\u001b\[[0-9;]*m|\[\d+(?:;\d+)*m/g, "");
    const errors = [...plainText.matchAll(ERROR)].filter(match => !/ChildFailedError|WorkerError/.test(match[1]));
    if (!errors.length) return null;
    const last = errors[errors.length - 1];
    const message = plainText.slice(last.index + last[0].length).split(ENDS)[0].trim().slice(0, 400);
    const isOwn = file => !/(?:site|dist)-packages|\/lib\/python|<frozen/.test(file);
    const lines = [...[...plainText.matchAll(FRAME)].filter(match => isOwn(match[1])).map(match => match[2]),
                   ...[...plainText.matchAll(CELL)].map(match => match[1])];
    return {name: last[1], message, code: (lines.pop() || "").slice(0, 100)};
  };

  /* A pasted message: how much of it stands word for word in a message that a page shows. Numbers differ from case to case. */
  const plain = text => (text.toLowerCase().match(/[a-z_]+/g) || []);
  const printed = id => ` ${messages[id] || ""} `;
  const longestRun = (query, text) => {
    let longest = 0;
    for (let start = 0; start + longest < query.length; start++) {
      while (start + longest < query.length
             && text.includes(` ${query.slice(start, start + longest + 1).join(" ")} `)) longest++;
    }
    return longest;
  };

  /* Other names of a page that have several words. */
  const others = new Map();
  const othersOf = id => {
    if (!others.has(id)) {
      others.set(id, byId.get(id).other.split(" | ").map(asked).filter(words => words.length > 1)
        .map(words => words.map(stem).join(" ")));
    }
    return others.get(id);
  };

  /* Find pages; what was searched for, and whether a message that was pasted stands on one. */
  const search = query => {
    const pastedFrom = traceback(query);
    const text = pastedFrom ? `${pastedFrom.name} ${pastedFrom.message}` : corrected(query);
    const terms = asked(text);
    const code = pastedFrom ? asked(pastedFrom.code) : [];
    const name = terms.filter(word => !["torch", "f", "nn", "tensor"].includes(word)).join(" ");
    const pasted = plain(pastedFrom ? pastedFrom.message : query);
    const stemsOfTerms = terms.map(stem).join(" ");
    const runs = new Map();
    const shareOf = id => {
      if (!runs.has(id)) runs.set(id, pasted.length < 4 ? 0 : longestRun(pasted, printed(id)));
      return runs.get(id) >= 4 ? runs.get(id) / pasted.length : 0;
    };
    const factor = id => {
      const isNamed = words(id.replace(/.*\//, ""), new Set()).join(" ") === name;
      const isTitle = byId.get(id).title === query;
      const isCalled = othersOf(id).some(phrase => ` ${stemsOfTerms} `.includes(` ${phrase} `));
      return (1 + 4 * shareOf(id)) * (isTitle ? 10 : isNamed || isCalled ? 2 : 1) * (id.startsWith("guide/") ? 1 : 0.6)
        * (!pastedFrom && id.startsWith("guide/errors/") ? 0.8 : 1)  // a question is seldom about an error
        * (!pastedFrom && id === "reference/messages_of_torch" ? 0.5 : 1);
    };
    const added = new Map();  // by page, its score and the words that count
    const asks = [...terms.map(word => [word, 1]), ...code.map(word => [word, 0.3])];
    for (const [word, weight] of asks) {
      for (const [one, share] of begunBy(stem(word), !pastedFrom && word.length > 2)) {
        for (const [page, score] of scoresOf(one)) {
          if (!added.has(page)) added.set(page, {score: 0, asked: new Set(), terms: new Set()});
          const so = added.get(page);
          so.score += weight * share * score;
          so.asked.add(word);
          so.terms.add(one);
        }
      }
    }
    const results = [...added].map(([page, {score, asked, terms}]) => {
      const {id} = pages[page];
      return {id, terms: [...terms], score: score * asked.size * factor(id)};
    }).sort((one, two) => two.score - one.score);
    const isExplained = !pastedFrom || results.slice(0, 3).some(result => shareOf(result.id) > 0.3);
    return {results, text: pastedFrom ? query : text, isExplained};
  };
  return {search, stem, words, titleOf: id => byId.get(id).title};
})();

