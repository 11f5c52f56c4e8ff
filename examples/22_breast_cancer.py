"""Is a tumour malignant? A network with one output on the data of Wisconsin (569 patients, 30 features of cell nuclei).

The split into training, validation and test matters as much as the method, so there are ten of them. The validation set
says when to stop and which epoch to keep. Next to accuracy stands what a doctor asks first, the sensitivity: the share
of the malignant tumours that are found. A lower threshold finds more of them and raises more false alarms. Logistic
regression, which is such a network without a hidden layer, does as well here: not everything needs a deep network.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, roc_curve
from sklearn.model_selection import train_test_split

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

splits = 2 if "--quick" in sys.argv else 10
inputs, benign = load_breast_cancer(return_X_y=True)
malignant = 1 - benign  # 1 is what we look for


def network(x, y, seed):
    """Its training, which keeps a quarter of the examples for validation."""
    x, x_validation, y, y_validation = train_test_split(x, y[:, None], test_size=0.25, stratify=y, random_state=seed)
    net = tg.nn.MLP([30, 16, 1], "tanh", "sigmoid", rng=seed)
    history = tg.fit(
        net,
        x,
        y,
        cost="binary_cross_entropy",
        optimizer=tg.optim.Adam(net.parameters(), lr=0.003),
        epochs=200,
        batch_size=32,
        validation=(x_validation, y_validation),
        callbacks=[tg.early_stopping(patience=15)],
        keep_best=True,
        rng=seed,
        progress=False,
    )
    return net, history


tests, by_network, by_regression = [], [], []
for seed in range(splits):
    x, x_test, y, y_test = train_test_split(inputs, malignant, test_size=0.3, stratify=malignant, random_state=seed)
    mean, deviation = x.mean(axis=0), x.std(axis=0)  # of the training examples: the test examples are not looked at
    x, x_test = (x - mean) / deviation, (x_test - mean) / deviation
    net, history = network(x, y, seed)
    tests.append(y_test)
    by_network.append(net(x_test).numpy()[:, 0])
    # It needs no validation set, and so learns from these examples too.
    by_regression.append(LogisticRegression().fit(x, y).predict_proba(x_test)[:, 1])
truth, p, q = (np.concatenate(parts) for parts in (tests, by_network, by_regression))


def rates(p, threshold):
    """Accuracy, sensitivity (malignant tumours found), and specificity (benign ones left alone)."""
    (tn, fp), (fn, tp) = confusion_matrix(truth, p > threshold)
    return (tp + tn) / len(truth), tp / (tp + fn), tn / (tn + fp)


measured = {
    "network, threshold 0.5": rates(p, 0.5),
    "network, threshold 0.2": rates(p, 0.2),
    "logistic regression": rates(q, 0.5),
}
print(f"{len(truth)} tests in {splits} splits    right    malignant found    benign left alone")
for name, (accuracy, sensitivity, specificity) in measured.items():
    print(f"{name:26} {accuracy:8.1%} {sensitivity:18.1%} {specificity:20.1%}")
(accuracy, sensitivity, _), (_, lower, _), (of_regression, _, _) = measured.values()
assert accuracy > 0.95
assert sensitivity > 0.92
assert lower >= sensitivity + (0 if splits == 2 else 0.02)
assert abs(accuracy - of_regression) < 0.01

figure = new_figure(13, 4)
learning, matrix, roc = figure.subplots(1, 3)
learning.semilogy(history.cost, color=BLUE, label="training")
learning.semilogy(history.validation_cost, "--", color=ORANGE, label="validation")
learning.axvline(history.kept, color="black", linestyle=":", label=f"kept: epoch {history.kept}")
learning.set(xlabel="epoch", ylabel="cost", title="Learning, in the last split")
counts = confusion_matrix(truth, p > 0.5)
matrix.imshow(counts / counts.sum(axis=1, keepdims=True), cmap="Blues", vmin=0, vmax=1.6)
for (row, column), count in np.ndenumerate(counts):
    matrix.text(column, row, f"{count}\n{count / counts[row].sum():.1%}", ha="center", va="center", fontsize=13)
names = ["benign", "malignant"]
matrix.set_xticks([0, 1], names)
matrix.set_yticks([0, 1], names, rotation=90, va="center")
matrix.set(xlabel="the network says", ylabel="it is", title=f"Tests in {splits} splits, threshold 0.5")
for name, values, color, style in (("network", p, BLUE, "-"), ("logistic regression", q, ORANGE, "--")):
    false_alarms, hits, _ = roc_curve(truth, values)
    roc.plot(false_alarms, hits, style, color=color, label=name)
for threshold, marker in ((0.5, "o"), (0.2, "s")):
    _, found, left_alone = rates(p, threshold)
    roc.plot(1 - left_alone, found, marker, color=BLUE, label=f"network, threshold {threshold}")
roc.set(xlabel="false alarms, of the benign", ylabel="found, of the malignant", title="ROC: thresholds 1 to 0")
roc.set(xlim=(-0.005, 0.2), ylim=(0.8, 1.005))
for axes in (learning, roc):
    axes.legend(framealpha=1)
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/22_breast_cancer.png", dpi=150)
