// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Token} from "./Token.sol";

/// Two tokens and a constant product, with a fee of 3 in 1000, for tests: whoever calls `swap` has paid before.
contract Pair {
    Token public immutable first;
    Token public immutable second;
    mapping(Token => uint256) public reserve;

    constructor(Token a, Token b) {
        first = a;
        second = b;
    }

    /// What is here belongs to the pair.
    function sync() public {
        reserve[first] = first.balanceOf(address(this));
        reserve[second] = second.balanceOf(address(this));
    }

    function swap(Token paid, address to) external returns (uint256 out) {
        require(paid == first || paid == second, "another token");
        Token wanted = paid == first ? second : first;
        uint256 net = (paid.balanceOf(address(this)) - reserve[paid]) * 997;
        out = (reserve[wanted] * net) / (reserve[paid] * 1000 + net);
        wanted.transfer(to, out);
        sync();
    }
}
