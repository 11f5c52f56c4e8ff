"""A reader of formulas: an equation of a derivation, as it is printed, evaluated with numbers that autograd finds.

It knows nothing of how formulas are made. Symbols are looked up in a network that is run here; a derivative is that of
the run, by `tg.grad` and `tg.jacobian`.
"""

import itertools
import re

import numpy as np

import tinygrad_edu as tg

SYMBOL = re.compile(r"(?:[δWbzaxyC]|n(?![a-z])|1(?=\[))\d*(?:\[[^\]]*\])?")
TOKEN = re.compile(rf"∂{SYMBOL.pattern}/∂{SYMBOL.pattern}|Σ_\w|[a-zσ_]\w*[a-z\d]\w*′?(?=\()|σ′?(?=\()|"
                   rf"{SYMBOL.pattern}|\d+\.?\d*|\S")  # fmt: skip
FUNCTIONS = {"exp": np.exp, "ln": np.log, "sin": np.sin, "cos": np.cos, "tanh": np.tanh}
FIRST = {"tanh": np.tanh, "σ": tg.sigmoid}  # in definitions


class Run:
    """A network written out as layers of (W, b, σ), with a batch, and what autograd finds in it."""

    def __init__(self, layers, x, y, cost):
        self.layers, self.y, self.cost = layers, y, cost
        self.arrays = {"a0": x, "x": x, "y": y, "n": np.asarray(len(x))}
        for l, (W, b, sigma) in enumerate(layers, start=1):
            self.arrays |= {f"W{l}": W, f"b{l}": b}
            z = self.arrays[f"z{l}"] = self.arrays[f"a{l - 1}"] @ W + b
            self.arrays[f"a{l}"] = np.asarray(sigma(z))
        each = [cost(self.arrays[f"a{len(layers)}"][p : p + 1], y[p : p + 1]) for p in range(len(x))]
        self.arrays["C"] = np.array([float(np.asarray(c)) for c in each])
        self.total = np.asarray(self.arrays["C"].mean())
        self.found = {}

    def of(self, u, v):
        """U, another value of the network or C, as a function of v."""

        def f(value):
            letter, l = v[0], int(v[1:])
            now = dict(self.arrays) | {v: value}
            for m in range(l, len(self.layers) + 1):
                W, b, sigma = now[f"W{m}"], now[f"b{m}"], self.layers[m - 1][2]
                if m > l or letter in "Wb":
                    now[f"z{m}"] = now[f"a{m - 1}"] @ W + b
                if m > l or letter != "a":
                    now[f"a{m}"] = sigma(now[f"z{m}"])
            return self.cost(now[f"a{len(self.layers)}"], self.y) if u == "C" else now[u]

        return f

    def derivative(self, u, v):
        if (u, v) not in self.found:
            # np.array, as a step function gives a constant
            d = (tg.grad if u == "C" else tg.jacobian)(self.of(u, v))(self.arrays[v])
            self.found[u, v] = np.asarray(d)
        return self.found[u, v]


class Reader:
    def __init__(self, run, functions):
        self.run, self.functions = run, functions

    def array(self, name):
        if name.startswith("δ"):
            return self.run.derivative("C", f"z{name[1:]}")
        return self.run.arrays[name]

    def holds(self, left, right, where=""):
        """Assert that two formulas are the same, for all indices on the left."""
        if "(z)" in left:
            for z in (-2.0, -0.3, 0.0, 0.4, 1.7):
                self.run.arrays["z"] = np.asarray(z)
                close(self.value(left, {}, {}), self.value(right, {}, {}))
            return 1
        sizes = self.sizes(f"{left} = {right}")
        free = sorted({i for _, indices in subscripted(left) for i in indices} & set("pijk"))
        count = 0
        for at in itertools.product(*(range(sizes[i]) for i in free)):
            index = dict(zip(free, at, strict=True))
            open_ = sorted({i for _, indices in subscripted(where) for i in indices} - set(free))
            within = itertools.product(*(range(sizes[i]) for i in open_))
            if where and not all(self.is_so(where, index | dict(zip(open_, at, strict=True))) for at in within):
                continue
            close(self.value(left, index, sizes), self.value(right, index, sizes))
            count += 1
        return count

    def sizes(self, text):
        found = {}
        for name, indices in subscripted(text):
            if name != "1":
                found |= dict(zip(indices, self.array(name).shape, strict=False))
        return found

    def is_so(self, condition, index):
        parts = re.split(r" ([<>≥]) ", condition)
        values = [self.value(part, index, {}) for part in parts[::2]]
        tests = {"<": np.less, ">": np.greater, "≥": np.greater_equal}
        return all(tests[sign](a, b) for sign, a, b in zip(parts[1::2], values, values[1:], strict=False))

    def value(self, text, index, sizes):
        if cases := re.fullmatch(r"(.*) where (.*), (.*) elsewhere", text):
            one, condition, other = cases.groups()
            return self.value(one if self.is_so(condition, index) else other, index, sizes)
        tokens = TOKEN.findall(text)
        result, rest = self.sum(tokens, index, sizes)
        assert not rest, (text, tokens, rest)
        return np.asarray(result)

    def sum(self, tokens, index, sizes):
        sign, total = 1, None
        while True:
            while tokens and tokens[0] in "+−-":
                sign, tokens = (sign if tokens[0] == "+" else -sign), tokens[1:]
            term, tokens = self.product(tokens, index, sizes)
            total = sign * term if total is None else total + sign * term
            sign = 1
            if not tokens or tokens[0] not in "+−-":
                return total, tokens

    def product(self, tokens, index, sizes):
        total, op = None, ""
        while tokens and tokens[0] not in ["+", "−", "-", ")"]:
            if tokens[0] in ("⊙", "·", "/"):
                op, tokens = tokens[0], tokens[1:]
                continue
            if tokens[0].startswith("Σ_"):
                letter, inside = tokens[0][2], tokens[1:]
                parts = [self.product(inside, index | {letter: i}, sizes) for i in range(sizes[letter])]
                factor, tokens = sum(part for part, _ in parts), parts[0][1]
            elif tokens[0] == "Σ":
                factor, tokens = self.product(tokens[1:], index, sizes)
                factor = factor.sum(axis=0)
            else:
                factor, tokens = self.factor(tokens, index, sizes)
            if total is None:
                total = factor
            elif op == "/":
                total = total / factor
            elif op or not (np.ndim(total) and np.ndim(factor)):
                total = total * factor
            else:
                total = total @ factor
            op = ""
        return total, tokens

    def factor(self, tokens, index, sizes):
        token, rest = tokens[0], tokens[1:]
        if token == "(":
            value, rest = self.group(tokens, index, sizes)
        elif token == "√":
            value, rest = self.factor(rest, index, sizes)
            value = np.sqrt(value)
        elif rest[:1] == ["("] and (function := self.function(token)):
            value, rest = self.group(rest, index, sizes)
            value = function(value)
        else:
            value = self.atom(token, index)
        while rest and rest[0] in "²³ᵀ":
            value = value.T if rest[0] == "ᵀ" else value ** "  ²³".index(rest[0])
            rest = rest[1:]
        return value, rest

    def group(self, tokens, index, sizes):
        value, rest = self.sum(tokens[1:], index, sizes)
        assert rest[0] == ")"
        return value, rest[1:]

    def function(self, name):
        if name.endswith("′"):
            sigma = self.functions[name[:-1]]
            return lambda z: np.asarray(tg.elementwise_grad(lambda t: sigma(t) + 0 * t)(z))
        found = self.functions | {k: f for k, f in (FUNCTIONS | FIRST).items() if k not in self.functions}
        return (lambda z: np.asarray(found[name](z))) if name in found else None

    def atom(self, token, index):
        if token in ("½", "π"):
            return {"½": 0.5, "π": np.pi}[token]
        if token.startswith("∂"):
            (u, at_u), (v, at_v) = (subscripted(part, bare=True)[0] for part in token[1:].split("/∂"))
            derivative = self.run.derivative(u, v)
            if u == "C":
                return derivative[self.at(at_v, index)]
            if at_u == at_v == ["p"]:
                return derivative[index["p"], :, index["p"], :]
            return derivative[self.at(at_u, index) + self.at(at_v, index)]
        if token == "C":
            return self.run.total
        if re.fullmatch(r"\d+\.?\d*", token):
            return float(token)
        (name, indices), *more = subscripted(token, bare=True)
        assert not more, token
        if name == "1":
            i, j = indices[0].split("=")
            return float(index[i] == index[j])
        return self.array(name)[self.at(indices, index)]

    def at(self, indices, index):
        return tuple(index[i] for i in indices)


def subscripted(text, bare=False):
    """The symbols in a text that have indices, or all, each with its indices."""
    found = []
    for match in SYMBOL.finditer(text):
        name, _, indices = match[0].partition("[")
        if indices or bare:
            found.append((name, indices.rstrip("]").split(",") if indices else []))
    return found


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def from_latex(formula):
    r"""A formula in LaTeX as the text of the same meaning; a fraction becomes (A) / (B)."""
    text = re.sub(r"\\tfrac\{1\}\{2\}", "½", formula)
    cases = re.fullmatch(r"(.*?)\\begin\{cases\} (.*?) & (.*?) \\\\ (.*) & \\text\{elsewhere\} \\end\{cases\}", text)
    if cases:
        before, one, condition, other = map(from_latex, cases.groups())
        return f"{before}{one} where {condition}, {other} elsewhere"
    text = re.sub(r"\\mathbb\{1\}_\{j=k\}", "1[j=k]", text)
    text = text.replace(r"\delta", "δ").replace(r"\partial ", "∂").replace(r"\operatorname", "")
    text = re.sub(r"\^\{T\}", "ᵀ", text)
    text = re.sub(r"(44715 z|34145 z|\))\^\{([23])\}", lambda m: m[1] + "  ²³"[int(m[2])], text)  # z of no layer, z³
    text = re.sub(r"([δzabW])\^\{(\d+)\}", r"\1\2", text)
    text = re.sub(r"(?<=[\w])_\{([pijk ]+)\}", lambda m: f"[{m[1].replace(' ', ',')}]", text)
    text = re.sub(r"\\frac\{(∂[^{}]*)\}\{(∂[^{}]*)\}", r"\1/\2", text)
    text = re.sub(r"\\left|\\right|\\quad", "", text)
    for _ in range(3):
        text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
        text = re.sub(r"\\sqrt\{([^{}]*)\}", r"√(\1)", text)
    for tex, sign in {r"\odot": "⊙", r"\cdot": "·", r"\pi": "π", r"\ge": "≥", r"\sigma": "σ", "'": "′"}.items():
        text = text.replace(tex, sign)
    text = re.sub(r"\\sum_(\w)", r"Σ_\1", text).replace(r"\sum", "Σ").replace("- ", "−").replace("-", "−")
    return re.sub(r"[{}\\]", "", text)
