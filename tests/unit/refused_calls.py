"""Calls that torch refuses, as people write them: with words of the rule that was measured, and the change that works.

Each is the code, words that the rule must have, and the change that is named. The code of an error that names several
kinds of change is not here, but in the test of the kind.
"""

LOGITS = "x = torch.rand(4, 6)\ny = torch.tensor([0, 5, 2, 1])\n"
PAIR = "x = torch.rand(4, 6)\ny = torch.rand(4, 6)\n"
MODEL = "model = nn.Linear(3, 2)\n"
IMAGE = "image = torch.rand(1, 3, 8, 8)\n"
KERNELS = "kernels = torch.rand(4, 3, 3, 3)\n"

CALLS = [
    # --- a whole number -------------------------------------------------------------------------------------------
    (
        "x = torch.rand(3, 4)\ntorch.kthvalue(x, 5)",
        "k of kthvalue may be 1 to 4 for x of shape (3, 4); 5 came",
        "torch.kthvalue(x, 4)",
    ),
    ("x = torch.rand(3, 4)\nx.kthvalue(0, dim=0)", "may be 1 to 3", "x.kthvalue(1, dim=0)"),
    ("x = torch.rand(10)\nx.unfold(0, 20, 1)", "size of unfold may be 0 to 10", "x.unfold(0, 10, 1)"),
    ("x = torch.rand(3, 4)\ntorch.diff(x, n=-1)", "n of diff may be 0 or more", "torch.diff(x, n=1)"),
    ("x = torch.rand(3, 4)\nx.narrow(1, 2, 5)", "length of narrow may be 0 to 2", "x.narrow(1, 2, 2)"),
    ("x = torch.rand(6, 4)\nx.chunk(-2)", "chunks of chunk may be 1 or more", "x.chunk(2)"),
    ("x = torch.rand(3, 4)\nx.split(-1)", "split_size of split may be 1 or more", "x.split(1)"),
    (
        "x = torch.rand(3, 6)\ntorch.hsplit(x, 4)",
        "sections of hsplit may be 1, 2, 3 or 6 (tried: -6 to 7)",
        "torch.hsplit(x, 3)",
    ),
    ("torch.linspace(0, 1, -5)", "steps of linspace may be 0 or more; -5 came", "torch.linspace(0, 1, 5)"),
    ("torch.arange(10, 0, 1)", "step of arange may be below 0; 1 came", "torch.arange(10, 0, -1)"),
    ("torch.arange(0, 10, 0)", "step of arange may be above 0; 0 came", "torch.arange(0, 10, 1)"),
    ("torch.eye(-3)", "n of eye may be 0 or more", "torch.eye(3)"),
    ("torch.zeros(3, -4)", "size of zeros may be 0 or more; -4 came", "torch.zeros(3, 4)"),
    ("torch.randperm(-4)", "n of randperm may be 0 or more", "torch.randperm(4)"),
    (
        "p = torch.tensor([0.5, 0.5])\ntorch.multinomial(p, 3)",
        "num_samples of multinomial may be 1 to 2",
        "torch.multinomial(p, 2)",
    ),
    ("x = torch.rand(3, 4)\nx.diagonal(dim1=1, dim2=1)", "dim1 of diagonal may be 0", "x.diagonal(dim1=0, dim2=1)"),
    ("x = torch.rand(3, 4)\nx.flip(0, 0)", "dims of flip may be 1", "x.flip(1, 0)"),
    (
        "x = torch.rand(2, 6, 5)\nF.group_norm(x, 4)",
        "num_groups of group_norm may be 1, 2, 3 or 6",
        "F.group_norm(x, 3)",
    ),
    (
        LOGITS + "F.multi_margin_loss(x, y, p=3)",
        "p of multi_margin_loss may be 1 to 2",
        "F.multi_margin_loss(x, y, p=1)",
    ),
    (
        IMAGE + "F.avg_pool2d(image, 2, padding=-1)",
        "padding of avg_pool2d may be 0 to 1",
        "F.avg_pool2d(image, 2, padding=1)",
    ),
    (
        IMAGE + "F.max_pool2d(image, 2, stride=0)",
        "stride of max_pool2d may be 1 or more",
        "F.max_pool2d(image, 2, stride=1)",
    ),
    (
        IMAGE + KERNELS + "F.conv2d(image, kernels, stride=0)",
        "stride of conv2d may be 1 or more",
        "F.conv2d(image, kernels, stride=1)",
    ),
    (
        IMAGE + KERNELS + "F.conv2d(image, kernels, dilation=0)",
        "dilation of conv2d may be 1 to 3",
        "F.conv2d(image, kernels, dilation=1)",
    ),
    ("torch.signal.windows.hann(-5)", "M of hann may be 0 or more", "torch.signal.windows.hann(5)"),
    ("x = torch.rand(3)\ntorch.fft.fft(x, n=0)", "n of fft may be 1 or more", "torch.fft.fft(x, n=1)"),
    ("nn.GroupNorm(3, 8)", "num_groups of GroupNorm may be 1, 2 or 4", "nn.GroupNorm(4, 8)"),
    ("nn.Conv2d(3, 8, 3, groups=2)", "groups of Conv2d may be 1; 2 came", "nn.Conv2d(3, 8, 3, groups=1)"),
    ("nn.LSTM(10, 0)", "hidden_size of LSTM may be 1 or more", "nn.LSTM(10, 1)"),
    ("nn.GRU(10, 20, num_layers=0)", "num_layers of GRU may be 1 or more", "nn.GRU(10, 20, num_layers=1)"),
    ("nn.MultiheadAttention(10, 3)", "num_heads of MultiheadAttention may be", "nn.MultiheadAttention(10, 2)"),
    (
        "nn.Embedding(10, 4, padding_idx=10)",
        "padding_idx of Embedding may be 9 or less",
        "nn.Embedding(10, 4, padding_idx=9)",
    ),
    # --- a fraction -----------------------------------------------------------------------------------------------
    ("x = torch.rand(3)\nx.geometric_(1.5)", "p of geometric_ may be above 0 and below 1", "x.geometric_(0.9)"),
    ("x = torch.rand(3)\nx.exponential_(-0.5)", "lambd of exponential_ may be above 0", "x.exponential_(0.5)"),
    ("x = torch.rand(3)\nx.normal_(0, -1)", "std of normal_ may be 0 or more", "x.normal_(0, 1)"),
    ("x = torch.rand(3)\nx.quantile(1.5)", "q of quantile may be 0 to 1", "x.quantile(0.9)"),
    ("x = torch.rand(2, 6)\nF.dropout(x, p=-0.5)", "p of dropout may be 0 to 1", "F.dropout(x, p=0.5)"),
    ("x = torch.rand(2, 6)\nF.softshrink(x, -0.5)", "lambd of softshrink may be 0 or more", "F.softshrink(x, 0.5)"),
    (PAIR + "F.huber_loss(x, y, delta=-1.0)", "delta of huber_loss may be above 0", "F.huber_loss(x, y, delta=1.0)"),
    (
        PAIR + "F.triplet_margin_loss(x, x + 1, y, margin=-1.0)",
        "margin of triplet_margin_loss may be above 0",
        "F.triplet_margin_loss(x, x + 1, y, margin=1.0)",
    ),
    (
        LOGITS + "F.cross_entropy(x, y, label_smoothing=1.5)",
        "label_smoothing of cross_entropy may be 1 or less",
        "F.cross_entropy(x, y, label_smoothing=0.9)",
    ),
    ("nn.Dropout(50)", "p of Dropout may be 0 to 1", "nn.Dropout(0.5)"),
    ("nn.LSTM(10, 20, dropout=2.0)", "dropout of LSTM may be 0 to 1", "nn.LSTM(10, 20, dropout=0.9)"),
    (
        LOGITS + "loss = nn.CrossEntropyLoss(label_smoothing=1.5)\nloss(x, y)",
        "label_smoothing of CrossEntropyLoss may be 1 or less",
        "loss = nn.CrossEntropyLoss(label_smoothing=0.9)",
    ),
    (
        "norm = nn.BatchNorm1d(6, eps=-1e-5)\nx = torch.rand(4, 6)\nnorm(x)",
        "eps of BatchNorm1d may be above 0",
        "norm = nn.BatchNorm1d(6, eps=1e-05)",
    ),
    # --- two numbers in the wrong order ---------------------------------------------------------------------------
    (
        "x = torch.rand(3)\nx.uniform_(2, 1)",
        "from and to of uniform_, the first is the smaller; 2 and 1 came",
        "x.uniform_(1, 2)",
    ),
    (
        "x = torch.rand(2, 6)\nF.hardtanh(x, 1.0, -1.0)",
        "min_val and max_val of hardtanh, the first is the smaller",
        "F.hardtanh(x, -1.0, 1.0)",
    ),
    (
        "x = torch.rand(3)\ntorch.histc(x, min=2, max=1)",
        "min and max of histc, the first is the smaller",
        "torch.histc(x, min=1, max=2)",
    ),
    # --- several numbers ------------------------------------------------------------------------------------------
    ("x = torch.rand(3, 4)\nx.rot90(dims=(0, 0))", "dims[0] of rot90 may be 1", "x.rot90(dims=(1, 0))"),
    ("x = torch.rand(3, 4)\nx.rot90(dims=(0,))", "dims of rot90 may be (0, 1) (2 numbers)", "x.rot90(dims=(0, 1))"),
    (
        "x = torch.rand(2, 6)\nF.layer_norm(x, ())",
        "normalized_shape of layer_norm may be (2, 6) (2 numbers)",
        "F.layer_norm(x, (2, 6))",
    ),
    (
        IMAGE + "F.interpolate(image, size=(16, 16, 16))",
        "size of interpolate may be (16, 16) (2 numbers)",
        "F.interpolate(image, size=(16, 16))",
    ),
    (IMAGE + "F.pad(image, (1, 1, 1))", "pad of pad may be (1, 1, 1, 1) (4 numbers)", "F.pad(image, (1, 1, 1, 1))"),
    (
        IMAGE + "F.adaptive_avg_pool2d(image, (-1, 2))",
        "output_size[0] of adaptive_avg_pool2d may be 0 or more",
        "F.adaptive_avg_pool2d(image, (1, 2))",
    ),
    ("x = torch.rand(3, 4)\nx.unflatten(1, (2, 3))", "sizes[1] of unflatten may be 2", "x.unflatten(1, (2, 2))"),
    ("x = torch.rand(3, 4)\nx.repeat(2)", "repeats of repeat may be (2, 1) (2 numbers)", "x.repeat((2, 1))"),
    # --- a word ---------------------------------------------------------------------------------------------------
    (
        PAIR + "F.mse_loss(x, y, reduction='avg')",
        "reduction of mse_loss may be 'mean', 'none' or 'sum'; 'avg' came",
        "F.mse_loss(x, y, reduction='mean')",
    ),
    (
        PAIR + "loss = nn.L1Loss(reduction='avg')\nloss(x, y)",
        "reduction of L1Loss may be",
        "loss = nn.L1Loss(reduction='mean')",
    ),
    (
        "x = torch.rand(2, 6)\nF.gelu(x, approximate='tahn')",
        "approximate of gelu may be 'tanh' or 'none'",
        "F.gelu(x, approximate='tanh')",
    ),
    (
        IMAGE + "F.interpolate(image, scale_factor=2, mode='bilinaer')",
        "mode of interpolate may be 'bilinear' or",
        "F.interpolate(image, scale_factor=2, mode='bilinear')",
    ),
    (
        "nn.Conv2d(3, 8, 3, padding='sama')",
        "padding of Conv2d may be 'same' or 'valid'",
        "nn.Conv2d(3, 8, 3, padding='same')",
    ),
    (
        "nn.Conv2d(3, 8, 3, padding_mode='mirror')",
        "'zeros', 'reflect', 'replicate' or 'circular'",
        "nn.Conv2d(3, 8, 3, padding_mode='zeros')",
    ),
    (
        "nn.RNN(10, 20, nonlinearity='sigmoid')",
        "nonlinearity of RNN may be 'tanh' or 'relu'",
        "nn.RNN(10, 20, nonlinearity='tanh')",
    ),
    (
        "x = torch.rand(3)\ntorch.fft.fft(x, norm='orto')",
        "norm of fft may be 'ortho', 'forward' or 'backward'",
        "torch.fft.fft(x, norm='ortho')",
    ),
    # --- the type of an argument ----------------------------------------------------------------------------------
    (
        "x = torch.rand(3, 4)\ntorch.fmax(x, 2)",
        "fmax takes a Tensor for other; 2 is an int",
        "torch.fmax(x, torch.tensor(2))",
    ),
    (
        "x = torch.rand(3)\ntorch.atan2(1.0, x)",
        "atan2 takes a Tensor for input; 1.0 is a float",
        "torch.atan2(torch.tensor(1.0), x)",
    ),
    ("torch.pow(2, 3)", "pow takes a Tensor for input; 2 is an int", "torch.pow(torch.tensor(2), 3)"),
    ("x = torch.rand(2, 3)\ntorch.kron(x, 2)", "kron takes a Tensor for other", "torch.kron(x, torch.tensor(2))"),
    ("torch.linspace(0, 1, 5.0)", "linspace takes an int for steps; 5.0 is a float", "torch.linspace(0, 1, 5)"),
    ("x = torch.rand(3, 4)\ntorch.topk(x, 2.0)", "topk takes an int for k; 2.0 is a float", "torch.topk(x, 2)"),
    (
        "x = torch.rand(2, 6)\nF.softmax(x, dim='1')",
        "softmax takes an int for dim; '1' is a str",
        "F.softmax(x, dim=1)",
    ),
    ("x = torch.rand(3, 4)\nx.mean(dim=1.0)", "mean takes an int for dim; 1.0 is a float", "x.mean(dim=1)"),
    ("x = torch.rand(3, 4)\nx + '1'", "add takes an int; '1' is a str", "x + 1"),
    (
        "x = torch.rand(3, 4)\ntorch.cat(x)",
        "cat takes a list of tensors for tensors; x is one Tensor",
        "torch.cat([x])",
    ),
    ("x = torch.rand(3)\ntorch.cat([x, None])", "cat takes no None among tensors", "torch.cat([x])"),
    ("nn.Softmax(dim=True)", "Softmax takes an int for dim; True is a bool", "nn.Softmax(dim=1)"),
    ("nn.LSTM('10', 20)", "LSTM takes an int for input_size; '10' is a str", "nn.LSTM(10, 20)"),
    ("nn.RNN(10, 20, bias=0)", "RNN takes a bool for bias; 0 is an int", "nn.RNN(10, 20, bias=False)"),
    (
        MODEL + "torch.optim.Adam(model.weight)",
        "Adam takes a list of tensors for params",
        "torch.optim.Adam([model.weight])",
    ),
    (MODEL + "torch.optim.Adam(model)", "it takes the parameters of model", "torch.optim.Adam(model.parameters())"),
    (
        MODEL + "torch.optim.Adam(model.parameters(), lr='0.001')",
        "Adam takes a float for lr; '0.001' is a str",
        "torch.optim.Adam(model.parameters(), lr=0.001)",
    ),
    # --- the data type of a tensor --------------------------------------------------------------------------------
    (
        "x = torch.rand(3, 4)\nmask = torch.ones(3, 4)\nx.masked_fill(mask, 0)",
        "mask of masked_fill has type float32; it works as bool",
        "x.masked_fill(mask.bool(), 0)",
    ),
    (
        "x = torch.rand(3, 4)\nmask = torch.ones(3, 4)\ntorch.where(mask, x, 0)",
        "it works as bool",
        "torch.where(mask.bool(), x, 0)",
    ),
    (
        "x = torch.rand(5, 3)\nw = torch.tensor([1., 2., 3.])\ntorch.cov(x, fweights=w)",
        "it works as int64 or int32",
        "torch.cov(x, fweights=w.long())",
    ),
    (
        "p = torch.tensor([2, 3])\ntorch.multinomial(p, 1)",
        "p of multinomial has type int64; it works as float32",
        "torch.multinomial(p.float(), 1)",
    ),
    (
        "x = torch.arange(4)\nx.quantile(0.5)",
        "x of quantile has type int64; it works as float32 or float64",
        "x.float().quantile(0.5)",
    ),
    (
        "rnn = nn.GRU(4, 8)\nx = torch.rand(5, 3, 4).double()\nrnn(x)",
        "x of GRU has type float64; it works as float32",
        "rnn(x.float())",
    ),
    (
        "torch.signal.windows.hann(3, dtype=torch.int64)",
        "dtype of hann may be float32 or float64",
        "torch.signal.windows.hann(3, dtype=torch.float32)",
    ),
    (
        "x = torch.rand(3)\nout = torch.empty(3, dtype=torch.int64)\ntorch.sqrt(x, out=out)",
        "out of sqrt has type int64; the result has float32",
        "out = torch.empty((3,), dtype=torch.float32)",
    ),
    (
        "x = torch.rand(3, 4)\nout = torch.empty(4, dtype=torch.int32)\ntorch.amax(x, 0, out=out)",
        "out of amax has type int32; the result has float32",
        "out = torch.empty((4,), dtype=torch.float32)",
    ),
    # --- the shape of a tensor ------------------------------------------------------------------------------------
    ("x = torch.rand(4)\ntorch.tril(x)", "x of tril has shape (4,); shape (1, 4) works", "torch.tril(x.unsqueeze(0))"),
    (
        "a = torch.rand(5, 3)\nb = torch.rand(3)\ntorch.linalg.cross(a, b)",
        "b of cross has shape (3,); shape (1, 3) works for a of shape (5, 3)",
        "torch.linalg.cross(a, b.unsqueeze(0))",
    ),
    (
        "a = torch.rand(5, 3)\nb = torch.rand(5, 2)\ntorch.linalg.cross(a, b)",
        "shape (5, 3) works",
        "shape (5, 3) for b",
    ),
    (
        "x = torch.rand(3, 4)\nv = torch.zeros(1)\nx.masked_fill(x > 0, v)",
        "v of masked_fill has shape (1,); shape () works",
        "x.masked_fill(x > 0, v.squeeze())",
    ),
    (
        "x = torch.rand(4, 4)\nedges = torch.rand(2, 2)\ntorch.bucketize(x, edges)",
        "edges of bucketize has shape (2, 2); shape (4,) works",
        "torch.bucketize(x, edges.flatten())",
    ),
    ("x = torch.rand(2, 3)\ntorch.linalg.det(x)", "shape (2, 2) works", "shape (2, 2) for x"),
    (
        "x = torch.rand(8, 8)\nF.adaptive_avg_pool2d(x, 2)",
        "shape (1, 8, 8) works",
        "F.adaptive_avg_pool2d(x.unsqueeze(0), 2)",
    ),
    (
        LOGITS + "w = torch.ones(5)\nF.cross_entropy(x, y, weight=w)",
        "w of cross_entropy has shape (5,); shape (6,) works",
        "shape (6,) for w",
    ),
    (
        "cell = nn.GRUCell(4, 8)\nx = torch.rand(5, 4)\nh = torch.rand(3, 8)\ncell(x, h)",
        "h of GRUCell has shape (3, 8); shape (5, 8) works",
        "shape (5, 8) for h",
    ),
    (
        "cell = nn.LSTMCell(4, 8)\nx = torch.rand(5, 4)\nh = torch.rand(5, 7)\nc = torch.rand(5, 8)\ncell(x, (h, c))",
        "hx[0] of LSTMCell has shape (5, 7); shape (5, 8) works",
        "shape (5, 8) for h",
    ),
    (
        "rnn = nn.GRU(4, 8)\nx = torch.rand(5, 3, 4)\nh = torch.rand(1, 5, 8)\nrnn(x, h)",
        "h of GRU has shape (1, 5, 8); shape (1, 3, 8) works",
        "shape (1, 3, 8) for h",
    ),
    # --- memory, values, other operations -------------------------------------------------------------------------
    (
        "x = torch.rand(6)\ni = torch.tensor([0, 1])\ntorch.gather(x, 0, i, out=x)",
        "shares memory with what is read or written",
        "torch.gather(x.clone(), 0, i, out=x)",
    ),
    (
        "p = torch.tensor([0.5, -0.5, 1.0])\ntorch.multinomial(p, 2)",
        "p of multinomial holds -0.5 to 1",
        "torch.multinomial(p.clamp(min=0), 2)",
    ),
    ("mask = torch.tensor([True, False])\n-mask", "`~` turns true into false", "~mask"),
    ("x = torch.rand(2, 3, 4)\nx.t()", "mT swaps the last two of any number", "x.mT"),
    ("x = torch.rand(2, 3)\ntorch.linalg.inv(x)", "as many rows as columns", "torch.linalg.pinv(x)"),
    ("x = torch.rand(2, 3)\nx.softmax()", "softmax works along one axis, which has to be named", "x.softmax(dim=-1)"),
    # --- optimizers -----------------------------------------------------------------------------------------------
    (
        MODEL + "torch.optim.SGD(model.parameters(), lr=-0.1)",
        "lr of SGD may be 0 or more; -0.1 came",
        "torch.optim.SGD(model.parameters(), lr=0.1)",
    ),
    (
        MODEL + "torch.optim.SGD(model.parameters(), lr=0.1, momentum=-0.9)",
        "momentum of SGD may be 0 or more",
        "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)",
    ),
    (
        MODEL + "torch.optim.Adam(model.parameters(), betas=(0.9, 1.0))",
        "betas[1] of Adam may be 0 or more and below 1",
        "torch.optim.Adam(model.parameters(), betas=(0.9, 0.999))",
    ),
    (
        MODEL + "torch.optim.Adam(model.parameters(), eps=-1e-8)",
        "eps of Adam may be 0 or more",
        "torch.optim.Adam(model.parameters(), eps=1e-08)",
    ),
    (
        MODEL + "torch.optim.AdamW(model.parameters(), weight_decay=-0.01)",
        "weight_decay of AdamW may be 0 or more",
        "torch.optim.AdamW(model.parameters(), weight_decay=0.01)",
    ),
    (
        MODEL + "torch.optim.RMSprop(model.parameters(), lr=-0.05)",
        "lr of RMSprop may be 0 or more",
        "torch.optim.RMSprop(model.parameters(), lr=0.05)",
    ),
    # --- two rules broken at once ---------------------------------------------------------------------------------
    (
        "x = torch.arange(3)\ntorch.hypot(x, 2)",
        "x of hypot has type int64; it works as float32",
        "torch.hypot(x.float(), torch.tensor(2))",
    ),
]
